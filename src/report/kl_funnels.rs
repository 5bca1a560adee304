//! The funnels: the KL over θ and ln σ², one panel for each form, which show where it is low.

use std::fmt::Write;

use super::WIDTH;
use super::axes::{Axis, labels};
use super::panel::{Panel, legend};
use super::svg::{Anchor, Font, LEVEL, Paint, Svg, number};

/// A form's KL over a mesh.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface<'a> {
    /// The name of the form.
    pub name: &'a str,
    /// The KL in nats, (rows, columns), in the order of the [`Mesh`].
    pub kl: Vec<f64>,
}

/// The mesh of a surface: rows in descending order of ln σ², columns in ascending order of θ, both evenly spaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Mesh {
    /// θ of each column.
    pub theta: Vec<f64>,
    /// ln σ² of each row.
    pub log_sigma2: Vec<f64>,
}

/// The shades, from dark for a low KL to light.
const SHADES: [&str; 8] = ["#022850", "#064477", "#0a5e99", "#247bb8", "#4a97cd", "#74b2dc", "#9ecae6", "#d3e7f4"];
const COLUMNS: usize = 2;
const PLOT: (f64, f64) = (310.0, 170.0);
const PITCH: (f64, f64) = (392.0, 226.0);

/// One panel for each surface, as SVG. The shades divide the range from the lowest to the highest finite KL of all
/// surfaces into equal steps. `levels` are marked.
pub fn kl_funnels(mesh: &Mesh, levels: &[f64], surfaces: &[Surface<'_>]) -> String {
    let rows = surfaces.len().div_ceil(COLUMNS);
    let mut svg = Svg::new(WIDTH, 62.0 + rows as f64 * PITCH.1 + 16.0, "Forms of the KL over θ and ln σ²");
    svg.text(14.0, 24.0, "KL of one weight over θ and ln σ², by form", Font::HEADING);
    let level = [Paint::Dashed(LEVEL, 1.2)];
    legend(&mut svg, 14.0, 47.0, &[(&level, "level")]);
    let finite = surfaces.iter().flat_map(|surface| &surface.kl).copied().filter(|kl| kl.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), kl| (low.min(kl), high.max(kl)));
    let step = (high - low) / SHADES.len() as f64;
    if step.is_finite() {
        let font = Font::NAME.anchor(Anchor::Start);
        svg.text(110.0, 47.0, "nats, from", font);
        let from: Vec<f64> = (0..SHADES.len()).map(|shade| low + step * shade as f64).collect();
        for (shade, (color, text)) in SHADES.into_iter().zip(labels(&from, 2)).enumerate() {
            let x = 184.0 + 72.0 * shade as f64;
            svg.rect(x, 37.0, 18.0, 12.0, color);
            svg.text(x + 22.0, 47.0, &text, font);
        }
    }
    for (index, surface) in surfaces.iter().enumerate() {
        let (row, column) = (index / COLUMNS, index % COLUMNS);
        let panel = Panel {
            left: 58.0 + column as f64 * PITCH.0,
            top: 88.0 + row as f64 * PITCH.1,
            width: PLOT.0,
            height: PLOT.1,
            x: Axis::linear(mesh.theta.iter().copied()),
            y: Axis::linear(mesh.log_sigma2.iter().copied()),
        };
        panel.draw_axes(&mut svg);
        svg.text(panel.left, panel.top - 9.0, surface.name, Font::TITLE);
        if row + 1 == rows {
            panel.name_x(&mut svg, "θ");
        }
        if column == 0 {
            panel.name_y(&mut svg, "ln σ²", 38.0);
        }
        draw(&mut svg, &panel, mesh, surface, |kl| {
            kl.is_finite().then(|| (((kl - low) / step) as usize).min(SHADES.len() - 1))
        });
        for x in levels.iter().filter_map(|level| panel.place_x(*level)) {
            svg.path(&format!("M{} {}v{}", number(x), number(panel.top), number(panel.height)), level[0]);
        }
    }
    svg.finish()
}

/// Draws the cells of each shade, but no cell whose value is not finite; neighbouring cells in a row are one segment.
/// The outer edges of the raster are at the outermost values.
fn draw(svg: &mut Svg, panel: &Panel, mesh: &Mesh, surface: &Surface<'_>, shade: impl Fn(f64) -> Option<usize>) {
    let (columns, rows) = (mesh.theta.len(), mesh.log_sigma2.len());
    let ends = |values: &[f64]| values.first().copied().zip(values.last().copied());
    let (Some(theta), Some(log_sigma2)) = (ends(&mesh.theta), ends(&mesh.log_sigma2)) else { return };
    let across = panel.place_x(theta.0).zip(panel.place_x(theta.1));
    let down = panel.place_y(log_sigma2.0).zip(panel.place_y(log_sigma2.1));
    let (Some((left, right)), Some((top, bottom))) = (across, down) else { return };
    let cell = ((right - left) / columns as f64, (bottom - top) / rows as f64);
    for (wanted, color) in SHADES.into_iter().enumerate() {
        let mut path = String::new();
        for (row, kl) in surface.kl.chunks(columns.max(1)).enumerate() {
            let mut column = 0;
            for run in kl.chunk_by(|a, b| shade(*a) == shade(*b)) {
                if shade(run[0]) == Some(wanted) {
                    let _ = write!(path, "M{column} {row}.5h{}", run.len());
                }
                column += run.len();
            }
        }
        svg.raster(&path, (left, top), cell, color);
    }
}
