//! The layout that the figures of the weights share: one panel for each layer.

use super::WIDTH;
use super::axes::{Axis, count, label};
use super::panel::Panel;
use super::svg::{Anchor, Font, GREY, LEVEL, Svg};
use crate::nets::graph::BayesLayer;
use crate::nets::schedule::Work;
use crate::nets::{Graph, Schedule};

/// The values of a layer that the figures show.
#[derive(Clone, Copy, Debug)]
pub struct LayerPicture<'a> {
    /// The layer's name, as in its parameters' names.
    pub name: &'a str,
    /// The posterior means θ of its weights, in any order.
    pub theta: &'a [f32],
    /// Log posterior variances ln σ², in the order of `theta`.
    pub log_sigma2: &'a [f32],
    /// Codebook (M), ascending; empty if the layer has none.
    pub levels: &'a [f32],
}

/// The largest number of layers that a figure shows.
pub const MOST_PICTURED: usize = 12;

/// The layers that the figures show. For a network with dense blocks, the layers in the published figure of a DenseNet:
/// the convolutions outside of the blocks and those of the first unit. For any other network all layers. If there are
/// more than [`MOST_PICTURED`], that number of them, evenly spaced, including the first and the last.
pub fn pictured(graph: &Graph) -> Vec<&BayesLayer> {
    let mut shown: Vec<&BayesLayer> = graph.layers().collect();
    let units: Vec<Vec<usize>> = Schedule::fused(graph)
        .steps
        .into_iter()
        .filter_map(|step| if let Work::DenseBlock(units) = step.work { Some(units) } else { None })
        .flatten()
        .map(|unit| unit.into_iter().map(|stage| stage.conv).collect())
        .collect();
    if let Some((_, later)) = units.split_first() {
        let hidden: Vec<&str> = later.iter().flatten().map(|conv| &graph.nodes[*conv].name[..]).collect();
        let is_convolution = |layer: &BayesLayer| graph.parameters[layer.theta].shape.len() == 4;
        shown.retain(|layer| is_convolution(layer) && !hidden.contains(&&layer.name[..]));
    }
    let most = MOST_PICTURED.min(shown.len());
    (0..most).map(|i| shown[i * (shown.len() - 1) / (most - 1).max(1)]).collect()
}

/// Panels of equal size in rows, from left to right. Fewer panels are larger.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    panels: usize,
    columns: usize,
    plot_height: f64,
    /// Space above a plot for its title and labels.
    above: f64,
}

/// Space above the first row, for the heading and the legend.
const HEADER: f64 = 62.0;
/// Space left of each plot, for tick labels and the axis's name.
const LEFT: f64 = 64.0;
/// Space right of each plot.
pub(super) const RIGHT: f64 = 12.0;
/// Space below each plot, for tick labels.
const BELOW: f64 = 28.0;
/// Space below the last row, for the axes' names.
const FOOTER: f64 = 16.0;
/// Height of a row of text.
pub(super) const ROW: f64 = 14.0;

impl Grid {
    /// A grid of `panels` plots with `rows` rows of level labels above each.
    pub fn new(panels: usize, rows: usize) -> Grid {
        let (columns, plot_height) = match panels {
            0 | 1 => (1, 300.0),
            2 | 4 => (2, 210.0),
            3 | 5..=12 => (3, 150.0),
            _ => (4, 110.0),
        };
        // In four columns a layer's name and its number of weights take one row each.
        let rows = if columns == 4 { rows + 1 } else { rows };
        Grid { panels, columns, plot_height, above: 24.0 + ROW * rows as f64 }
    }

    /// Height of the figure.
    pub fn height(&self) -> f64 {
        let rows = self.panels.div_ceil(self.columns).max(1);
        HEADER + rows as f64 * self.pitch() + FOOTER
    }

    /// Area of all plots.
    pub fn area(&self) -> f64 {
        self.panels as f64 * self.plot_height * self.plot_width()
    }

    fn plot_width(&self) -> f64 {
        (WIDTH / self.columns as f64 - LEFT - RIGHT).floor()
    }

    fn pitch(&self) -> f64 {
        self.above + self.plot_height + BELOW
    }

    /// The plot with number `index`, counted along the rows, with its axes.
    pub fn panel(&self, index: usize, x: Axis, y: Axis) -> Panel {
        let (row, column) = (index / self.columns, index % self.columns);
        Panel {
            left: (column as f64 * WIDTH / self.columns as f64).floor() + LEFT,
            top: HEADER + row as f64 * self.pitch() + self.above,
            width: self.plot_width(),
            height: self.plot_height,
            x,
            y,
        }
    }

    /// Draws the axes and the title of plot `index`: the layer's name, its number of weights, and how many of them are
    /// not among the `drawn`. Only the axes of outer plots have names, the vertical axes the name `y`.
    pub fn frame(&self, svg: &mut Svg, index: usize, panel: &Panel, layer: &LayerPicture<'_>, drawn: usize, y: &str) {
        panel.draw_axes(svg);
        if index + self.columns >= self.panels {
            panel.name_x(svg, "θ");
        }
        if index.is_multiple_of(self.columns) {
            panel.name_y(svg, y, 51.0);
        }
        let weights = layer.theta.len();
        let (remark, color) = match weights - drawn {
            0 => (format!("{} weights", count(weights)), GREY),
            missing => (format!("{} of {} not finite", count(missing), count(weights)), LEVEL),
        };
        let (left, baseline) = (panel.left - 42.0, panel.top - self.above + ROW);
        let font = Font::SMALL.color(color);
        let mut room = panel.right() - left;
        if self.columns == 4 {
            svg.text(left, baseline + ROW, &remark, font.anchor(Anchor::Start));
        } else {
            svg.text(panel.right(), baseline, &remark, font.anchor(Anchor::End));
            room -= font.width(&remark) + 6.0;
        }
        svg.text(left, baseline, &shorten(layer.name, Font::TITLE, room), Font::TITLE);
        if drawn == 0 {
            panel.remark(svg, if weights == 0 { "no weights" } else { "no finite weights" });
        }
    }
}

/// `text`, with its middle replaced by … if it is wider than `room`.
fn shorten(text: &str, font: Font, room: f64) -> String {
    let letters: Vec<char> = text.chars().collect();
    let without = |removed: usize| -> String {
        if removed == 0 {
            return text.to_string();
        }
        let kept = letters.len() - removed;
        let (head, tail) = (&letters[..kept.div_ceil(2)], &letters[letters.len() - kept / 2..]);
        head.iter().chain(&['…']).chain(tail).collect()
    };
    (0..=letters.len()).map(without).find(|short| font.width(short) <= room).unwrap_or_default()
}

/// The horizontal axis of a layer's plot, over its finite weights and levels.
pub fn theta_axis(layer: &LayerPicture<'_>) -> Axis {
    Axis::linear(layer.theta.iter().chain(layer.levels).map(|&v| f64::from(v)))
}

/// A share in percent, to two digits, from 99 % on to three; `<0.01%` for smaller shares above 0, `>99.9%` for larger
/// shares below 1.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p > 0.0 && p < 0.01 => "<0.01%".to_string(),
        p if p < 100.0 && p > 99.9 => ">99.9%".to_string(),
        p if (99.0..100.0).contains(&p) => format!("{p:.1}%"),
        p if p >= 10.0 => format!("{p:.0}%"),
        p => format!("{}%", label(p, 2)),
    }
}
