//! The forms of the KL against the true KL: one panel for each posterior variance, one curve for each form.

use super::WIDTH;
use super::axes::{Axis, label};
use super::chart::TRUTH;
use super::panel::{Panel, legend};
use super::svg::{CURVES, Font, GRID, INK, LEVEL, Paint, Svg, number};

/// The forms' values at one ln σ².
#[derive(Clone, Debug, PartialEq)]
pub struct FormValues {
    /// ln σ².
    pub log_sigma2: f64,
    /// For each form its KL at each θ, nats.
    pub kl: Vec<Vec<f64>>,
}

const COLUMNS: usize = 3;
const PLOT: (f64, f64) = (204.0, 150.0);
const PITCH: (f64, f64) = (262.0, 204.0);

/// Each form's KL over `theta`, one panel for each entry of `panels`, as SVG. `names` are the names of the forms, the
/// true KL first; `levels` are marked.
pub fn kl_forms(names: &[&str], theta: &[f64], levels: &[f64], panels: &[FormValues]) -> String {
    let rows = panels.len().div_ceil(COLUMNS);
    let mut svg = Svg::new(WIDTH, 62.0 + rows as f64 * PITCH.1 + 16.0, "Forms of the KL against the truth");
    svg.text(14.0, 24.0, "KL of one weight to the multi-spike-and-slab prior, by form", Font::HEADING);
    let paints: Vec<[Paint; 1]> = (0..names.len()).map(|form| [paint(form)]).collect();
    let mut entries: Vec<(&[Paint], &str)> = paints.iter().map(|paint| &paint[..]).zip(names.iter().copied()).collect();
    let level = [Paint::Dashed(LEVEL, 1.2)];
    entries.push((&level, "level"));
    legend(&mut svg, 14.0, 47.0, &entries);
    for (index, values) in panels.iter().enumerate() {
        let (row, column) = (index / COLUMNS, index % COLUMNS);
        let panel = Panel {
            left: 54.0 + column as f64 * PITCH.0,
            top: 88.0 + row as f64 * PITCH.1,
            width: PLOT.0,
            height: PLOT.1,
            x: Axis::linear(theta.iter().copied()),
            y: Axis::linear(values.kl.iter().flatten().copied()),
        };
        panel.draw_axes(&mut svg);
        svg.text(panel.left, panel.top - 9.0, &format!("ln σ² = {}", label(values.log_sigma2, 3)), Font::TITLE);
        if row + 1 == rows {
            panel.name_x(&mut svg, "θ");
        }
        if column == 0 {
            panel.name_y(&mut svg, "KL, nats", 38.0);
        }
        for x in levels.iter().filter_map(|level| panel.place_x(*level)) {
            svg.path(&format!("M{} {}v{}", number(x), number(panel.top), number(panel.height)), level[0]);
        }
        // The true KL is the broad line below all others: where a form agrees with it both are visible.
        for (form, kl) in values.kl.iter().enumerate() {
            svg.path(&panel.path(theta.iter().copied().zip(kl.iter().copied())), paint(form));
        }
    }
    if panels.is_empty() {
        svg.rect(14.0, 55.0, WIDTH - 28.0, 1.0, GRID);
    }
    svg.finish()
}

fn paint(form: usize) -> Paint {
    match form {
        0 => TRUTH,
        _ => Paint::Line(CURVES.get(form).map_or(INK, |(color, _)| color), 1.6),
    }
}
