//! The funnel: θ against ln σ², one panel for each layer.

use std::fmt::Write;

use super::WIDTH;
use super::axes::Axis;
use super::layers::{Grid, LayerPicture, theta_axis};
use super::levels::{mark_levels, tiers};
use super::panel::{Panel, legend};
use super::svg::{Anchor, Font, LEVEL, Paint, Svg};

/// The shades of a cell, from light to dark, each with the smallest number of weights for which it is used.
const SHADES: [(u32, &str); 7] = [
    (1, "#9ecae6"),
    (3, "#74b2dc"),
    (10, "#4a97cd"),
    (30, "#247bb8"),
    (100, "#0a5e99"),
    (300, "#064477"),
    (1000, "#022850"),
];

/// The largest number of cells of all panels together. It bounds the size of the file: a cell takes at most about ten
/// bytes.
const CELLS: f64 = 40_000.0;

/// Least side of a cell in SVG units.
const CELL: f64 = 2.0;

/// Posterior means against log variances of each layer, as SVG: a raster whose shades give the number of weights per
/// cell. All panels have the same vertical axis. A weight is drawn if both its values are finite.
pub fn funnel(layers: &[LayerPicture<'_>]) -> String {
    let grid = Grid::new(layers.len(), tiers(layers, &[]));
    let mut svg = Svg::new(WIDTH, grid.height(), "Posterior means against log variances of each layer");
    svg.text(14.0, 24.0, "Posterior mean θ against log variance ln σ² by layer", Font::HEADING);
    legend(&mut svg, 14.0, 47.0, &[(&[Paint::Dashed(LEVEL, 1.2)], "level")]);
    key(&mut svg, 110.0, 47.0);
    if layers.is_empty() {
        svg.text(WIDTH / 2.0, grid.height() / 2.0, "no layers", Font::SMALL.anchor(Anchor::Middle));
    }
    let y = Axis::linear(layers.iter().flat_map(|layer| layer.log_sigma2).map(|&v| f64::from(v)));
    let side = (grid.area() / CELLS).sqrt().max(CELL);
    for (index, layer) in layers.iter().enumerate() {
        let panel = grid.panel(index, theta_axis(layer), y);
        let (columns, rows) = (panel.width / side, panel.height / side);
        let (columns, rows) = (columns.max(1.0) as usize, rows.max(1.0) as usize);
        let counts = density(&panel, layer, columns, rows);
        let drawn = counts.iter().map(|&count| count as usize).sum();
        grid.frame(&mut svg, index, &panel, layer, drawn, "ln σ²");
        mark_levels(&mut svg, &panel, layer.levels, &[]);
        let cell = (panel.width / columns as f64, panel.height / rows as f64);
        for (shade, (_, color)) in SHADES.into_iter().enumerate() {
            svg.raster(&runs(&counts, columns, shade), (panel.left, panel.top), cell, color);
        }
    }
    svg.finish()
}

/// The number of weights in each cell of the panel: (rows, columns), both at least 1, the upper row first.
pub fn density(panel: &Panel, layer: &LayerPicture<'_>, columns: usize, rows: usize) -> Vec<u32> {
    let mut counts = vec![0; rows * columns];
    for (&theta, &log_sigma2) in layer.theta.iter().zip(layer.log_sigma2) {
        let at = panel.x.place(f64::from(theta)).zip(panel.y.place(f64::from(log_sigma2)));
        if let Some((x, y)) = at {
            let column = ((x * columns as f64) as usize).min(columns - 1);
            let row = (((1.0 - y) * rows as f64) as usize).min(rows - 1);
            counts[row * columns + column] += 1;
        }
    }
    counts
}

/// The index of the shade of a cell with `count` weights; none for an empty cell.
pub fn shade(count: u32) -> Option<usize> {
    SHADES.iter().rposition(|&(from, _)| from <= count)
}

/// A path over the cells of one shade; neighbouring cells in a row are one segment.
fn runs(counts: &[u32], columns: usize, wanted: usize) -> String {
    let mut path = String::new();
    for (row, counts) in counts.chunks(columns).enumerate() {
        let mut column = 0;
        for run in counts.chunk_by(|&a, &b| shade(a) == shade(b)) {
            if shade(run[0]) == Some(wanted) {
                let _ = write!(path, "M{column} {row}.5h{}", run.len());
            }
            column += run.len();
        }
    }
    path
}

/// Draws the key: the shades, each with the smallest count for which it is used.
fn key(svg: &mut Svg, left: f64, baseline: f64) {
    let font = Font::NAME.anchor(Anchor::Start);
    let name = "weights per cell, from";
    svg.text(left, baseline, name, font);
    for (i, (from, color)) in SHADES.into_iter().enumerate() {
        let x = left + font.width(name) + 8.0 + i as f64 * 58.0;
        svg.rect(x, baseline - 10.0, 18.0, 12.0, color);
        svg.text(x + 22.0, baseline, &super::axes::count(from as usize), font);
    }
}
