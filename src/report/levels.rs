//! The levels of a layer in its plot: a line for each, and labels that do not touch.
//!
//! Levels that are close to each other have labels in up to [`MOST_TIERS`] tiers above the plot. From a label in an
//! upper tier a line leads down to its level, between the labels of the lower tiers.

use super::axes::labels;
use super::layers::{Grid, LayerPicture, RIGHT, ROW, percent, theta_axis};
use super::panel::Panel;
use super::svg::{Font, LEVEL, Paint, Svg, number};
use std::fmt::Write;

/// The largest number of tiers of labels.
pub const MOST_TIERS: usize = 3;
/// The largest number of levels that have labels; more levels have ticks only.
const MOST_LABELLED: usize = 16;
/// Space between two labels of a tier, and between a label and the line to a label above it.
const APART: (f64, f64) = (3.0, 1.0);

/// The label of a level.
struct Label {
    /// The position of the level in the figure.
    x: f64,
    /// The value, and the share of the weights or nothing.
    rows: [String; 2],
    /// Half the width of the wider row.
    half: f64,
    /// The tier, from 0 at the plot; none if it would touch another label in every tier.
    tier: Option<usize>,
}

/// The labels of all levels in the plot. Of all arrangements, in one to [`MOST_TIERS`] tiers and with values of two or
/// three digits, the first that leaves the fewest labels out.
fn arrange(panel: &Panel, levels: &[f32], shares: &[f64]) -> Vec<Label> {
    if levels.len() > MOST_LABELLED {
        return Vec::new();
    }
    let values: Vec<f64> = levels.iter().map(|level| f64::from(*level)).collect();
    let arrangements = (1..=MOST_TIERS).flat_map(|tiers| [3, 2].map(|digits| (tiers, digits)));
    let arranged = arrangements.map(|(tiers, digits)| {
        let mut all: Vec<Label> = (values.iter().zip(labels(&values, digits)).enumerate())
            .filter_map(|(i, (level, value))| {
                let share = shares.get(i).map_or_else(String::new, |share| percent(*share));
                let half = Font::SMALL.width(&value).max(Font::SMALL.width(&share)) / 2.0;
                Some(Label { x: panel.place_x(*level)?, rows: [value, share], half, tier: None })
            })
            .collect();
        place(&mut all, tiers, panel.right() + RIGHT - 2.0);
        all
    });
    let left_out = |all: &Vec<Label>| all.iter().filter(|label| label.tier.is_none()).count();
    arranged.reduce(|best, next| if left_out(&next) < left_out(&best) { next } else { best }).unwrap_or_default()
}

/// Gives each label the lowest tier in which it touches neither a label nor a line, and moves labels left of `right`.
fn place(all: &mut [Label], tiers: usize, right: f64) {
    // For each tier, the right end of its last label, and the position of the last line through it.
    let mut ends = [(f64::NEG_INFINITY, f64::NEG_INFINITY); MOST_TIERS];
    for label in all {
        let middle = label.x.min(right - label.half);
        let fits = |tier: usize| {
            let (end, line) = ends[tier];
            let left = middle - label.half;
            let is_clear = left >= end + APART.0 && left >= line + APART.1;
            is_clear && ends[..tier].iter().all(|(end, _)| label.x >= end + APART.1)
        };
        label.tier = (0..tiers).find(|tier| fits(*tier));
        if let Some(tier) = label.tier {
            ends[tier].0 = middle + label.half;
            ends[..tier].iter_mut().for_each(|(_, line)| *line = label.x);
        }
    }
}

/// The number of tiers that the labels of all `layers` take in the plots of a figure; `shares` are those of each layer.
pub fn tiers(layers: &[LayerPicture<'_>], shares: &[Vec<f64>]) -> usize {
    let grid = Grid::new(layers.len(), 0);
    let of_layer = |(index, layer): (usize, &LayerPicture<'_>)| {
        let x = theta_axis(layer);
        let shares = shares.get(index).map_or(&[][..], Vec::as_slice);
        let all = arrange(&grid.panel(index, x, x), layer.levels, shares);
        all.iter().filter_map(|label| label.tier).max().map_or(1, |tier| tier + 1)
    };
    layers.iter().enumerate().map(of_layer).max().unwrap_or(1)
}

/// Draws the levels as dashed lines, each with its value above it and, if `shares` has it, its share of the weights
/// above the value. Where both would touch other labels, both are left out; more than 16 levels get ticks only. Call
/// this before the data are drawn, so that the lines lie below them.
pub fn mark_levels(svg: &mut Svg, panel: &Panel, levels: &[f32], shares: &[f64]) {
    let crowded = levels.len() > MOST_LABELLED;
    let all = arrange(panel, levels, shares);
    let rows = if shares.is_empty() { 1.0 } else { 2.0 };
    let above = |label: &Label| label.tier.unwrap_or(0) as f64 * rows * ROW;
    let mut lines = String::new();
    if crowded {
        for x in levels.iter().filter_map(|level| panel.place_x(f64::from(*level))) {
            let _ = write!(lines, "M{} {}v8", number(x), number(panel.top));
        }
    }
    for label in &all {
        let from = panel.top - above(label) - if above(label) > 0.0 { 3.0 } else { 0.0 };
        let _ = write!(lines, "M{} {}v{}", number(label.x), number(from), number(panel.bottom() - from));
    }
    svg.path(&lines, if crowded { Paint::Line(LEVEL, 0.5) } else { Paint::Dashed(LEVEL, 1.2) });
    for label in all.iter().filter(|label| label.tier.is_some()) {
        let x = label.x.min(panel.right() + RIGHT - 2.0 - label.half);
        let baseline = panel.top - 5.0 - above(label);
        let [value, share] = &label.rows;
        svg.text(x, baseline, value, Font::SMALL.color(LEVEL));
        if !share.is_empty() {
            svg.text(x, baseline - ROW, share, Font::SMALL);
        }
    }
}
