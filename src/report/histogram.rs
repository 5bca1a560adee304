//! Histogram of θ, one panel for each layer, with the levels marked.

use crate::prior::quantizer::Quantizer;
use std::fmt::Write;

use super::WIDTH;
use super::axes::Axis;
use super::layers::{Grid, LayerPicture, theta_axis};
use super::levels::{mark_levels, tiers};
use super::panel::{Entries, legend};
use super::svg::{Anchor, Font, LEVEL, Paint, Svg, WEIGHT, number};

/// The width of a bar in SVG units, as nearly as a whole number of bars allows.
const BAR: f64 = 2.0;

/// Histogram of the posterior means of each layer, as SVG. The vertical axis is logarithmic, so that a level with one
/// weight in a thousand is visible beside a level with the rest, and so are the weights between them.
pub fn histogram(layers: &[LayerPicture<'_>]) -> String {
    let is_finite = |layer: &LayerPicture<'_>| layer.theta.iter().any(|theta| theta.is_finite());
    let shares_of = |layer| if is_finite(layer) { shares(layer.theta, layer.levels) } else { Vec::new() };
    let all_shares: Vec<Vec<f64>> = layers.iter().map(shares_of).collect();
    let grid = Grid::new(layers.len(), 2 * tiers(layers, &all_shares));
    let mut svg = Svg::new(WIDTH, grid.height(), "Histogram of the posterior means of each layer");
    svg.text(14.0, 24.0, "Posterior means θ by layer", Font::HEADING);
    let level = "level: its value, and its share of the weights";
    let entries: &Entries<'_> = &[(&[Paint::Fill(WEIGHT)], "weights"), (&[Paint::Dashed(LEVEL, 1.2)], level)];
    legend(&mut svg, 14.0, 47.0, entries);
    if layers.is_empty() {
        svg.text(WIDTH / 2.0, grid.height() / 2.0, "no layers", Font::SMALL.anchor(Anchor::Middle));
    }
    for (index, (layer, shares)) in layers.iter().zip(&all_shares).enumerate() {
        let x = theta_axis(layer);
        let (low, high) = x.ends();
        let bars = (grid.panel(index, x, x).width / BAR) as usize;
        let counts = bin(layer.theta, low, high, bars);
        // The axis begins below 1, so that a bar of one weight has a height.
        let most = counts.iter().copied().max().unwrap_or(0).max(10);
        let panel = grid.panel(index, x, Axis::log10([0.8, most as f64]));
        let drawn = counts.iter().sum();
        grid.frame(&mut svg, index, &panel, layer, drawn, "weights per bin, log scale");

        mark_levels(&mut svg, &panel, layer.levels, shares);
        let width = panel.width / bars as f64;
        let mut outline = format!("M{} {}", number(panel.left), number(panel.bottom()));
        for (i, &count) in counts.iter().enumerate() {
            let y = panel.place_y(count as f64).unwrap_or(panel.bottom());
            let _ = write!(outline, "V{}H{}", number(y), number(panel.left + (i + 1) as f64 * width));
        }
        let _ = write!(outline, "V{}Z", number(panel.bottom()));
        svg.path(&outline, Paint::Fill(WEIGHT));
    }
    svg.finish()
}

/// The number of `values` in each of `bins` equal parts of [low, high]. A value on the edge between two bins counts
/// in the upper bin, `high` in the last bin, and a value outside or NaN in none.
pub fn bin<V: Copy + Into<f64>>(values: &[V], low: f64, high: f64, bins: usize) -> Vec<usize> {
    let mut counts = vec![0; bins];
    for value in values.iter().map(|value| (*value).into()) {
        if bins > 0 && (low..=high).contains(&value) {
            let i = ((value - low) / (high - low) * bins as f64) as usize;
            counts[i.min(bins - 1)] += 1;
        }
    }
    counts
}

/// The share of the finite `theta` that is nearest to each of `levels`, which are ascending: (M), sum 1, or all 0 if no
/// θ is finite. A θ at equal distances counts for the lower level.
pub fn shares(theta: &[f32], levels: &[f32]) -> Vec<f64> {
    let finite: Vec<f32> = theta.iter().copied().filter(|theta| theta.is_finite()).collect();
    let occupancy = if levels.is_empty() { Vec::new() } else { Quantizer::new(levels).occupancy(&finite) };
    let total = finite.len().max(1) as f64;
    occupancy.into_iter().map(|count| count as f64 / total).collect()
}
