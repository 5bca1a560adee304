//! Histograms of the predictive entropy, of the test images and of others.

use super::WIDTH;
use super::axes::{Axis, labels};
use super::layers::Grid;
use super::panel::{Panel, legend};
use super::svg::{Anchor, Font, LEVEL, Paint, Svg, WEIGHT, number};
use std::fmt::Write;

/// What the figure shows for one kind of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Entropies {
    /// The name of the kind of weights.
    pub name: String,
    /// The entropy of each test image, nats.
    pub own: Vec<f64>,
    /// The entropy of each image of another data set, and the AUROC by entropy.
    pub other: Option<(Vec<f64>, f64)>,
    /// The number of classes, K.
    pub classes: usize,
}

/// Bins of a histogram.
const BINS: usize = 40;

/// The width of an entry of the legend, which names a data set, at most.
const WIDEST_NAME: f64 = 340.0;

/// The shares of the images by their entropy, from 0 to ln K, on a logarithmic axis, one panel for each kind of
/// weights, as SVG. The test images are of the data set `own`; the images of the data set `other` are a line: the part
/// of it to the right of the bars are the images that entropy separates from the test images.
pub fn entropies(kinds: &[Entropies], own: &str, other: &str) -> String {
    let grid = Grid::new(kinds.len(), 0);
    let mut svg = Svg::new(WIDTH, grid.height(), "Predictive entropy");
    svg.text(14.0, 24.0, "Predictive entropy of the images", Font::HEADING);
    let named = |what: &str, name: &str| match name {
        "" => what.to_string(),
        name => Font::NAME.cut(&format!("{what}: {name}"), WIDEST_NAME),
    };
    let (own, other) = (named("test images", own), named("images of another data set", other));
    let own: (&[Paint], &str) = (&[Paint::Fill(WEIGHT)], &own);
    let other: (&[Paint], &str) = (&[Paint::Line(LEVEL, 2.0)], &other);
    let has_other = kinds.iter().any(|kind| kind.other.is_some());
    legend(&mut svg, 14.0, 47.0, &[own, other][..if has_other { 2 } else { 1 }]);
    if kinds.is_empty() {
        svg.text(WIDTH / 2.0, grid.height() / 2.0, "no weights", Font::SMALL.anchor(Anchor::Middle));
    }
    let aurocs = kinds.iter().map(|kind| kind.other.as_ref().map_or(f64::NAN, |(_, auroc)| *auroc));
    let aurocs = labels(&aurocs.collect::<Vec<f64>>(), 3);
    for (index, (kind, auroc)) in kinds.iter().zip(aurocs).enumerate() {
        let most = (kind.classes.max(2) as f64).ln();
        let others = kind.other.as_ref().map(|(values, _)| values);
        let fewest = 1.0 / kind.own.len().max(others.map_or(0, Vec::len)).max(1) as f64;
        let y = Axis::log10([80.0 * fewest.min(0.1), 100.0]);
        let panel = grid.panel(index, Axis::linear([0.0, most]), y);
        panel.draw_axes(&mut svg);
        let last_row = grid.panel(kinds.len() - 1, panel.x, panel.y).top;
        if panel.top == last_row {
            panel.name_x(&mut svg, "entropy, nats");
        }
        if panel.left == grid.panel(0, panel.x, panel.y).left {
            panel.name_y(&mut svg, "share of the images, %, log scale", 51.0);
        }
        svg.text(panel.left - 42.0, panel.top - 10.0, &kind.name, Font::TITLE);
        if kind.other.is_some() {
            let auroc = format!("AUROC {auroc}");
            svg.text(panel.right(), panel.top - 10.0, &auroc, Font::SMALL.anchor(Anchor::End));
        }
        let bars = outline(&panel, &kind.own, most);
        if !bars.is_empty() {
            svg.path(&format!("{bars}V{}Z", number(panel.bottom())), Paint::Fill(WEIGHT));
        }
        svg.path(&others.map_or_else(String::new, |values| outline(&panel, values, most)), Paint::Line(LEVEL, 2.0));
        if kind.own.is_empty() {
            panel.remark(&mut svg, "no images");
        }
    }
    svg.finish()
}

/// A path of steps: the share of `values` in each of [`BINS`] equal parts of [0, `most`], where `most` belongs to the
/// last part.
fn outline(panel: &Panel, values: &[f64], most: f64) -> String {
    let mut counts = [0_usize; BINS];
    for value in values.iter().filter(|value| value.is_finite()) {
        counts[((value / most * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    if values.is_empty() {
        return String::new();
    }
    let edge = |i: usize| number(panel.place_x(most * i as f64 / BINS as f64).unwrap_or(panel.left));
    let mut path = format!("M{} {}", edge(0), number(panel.bottom()));
    for (i, count) in counts.iter().enumerate() {
        let share = 100.0 * *count as f64 / values.len() as f64;
        let _ = write!(path, "V{}H{}", number(panel.place_y(share).unwrap_or(panel.bottom())), edge(i + 1));
    }
    path
}
