//! Line charts: functions drawn as curves, in one plot or in several beside each other.

use super::WIDTH;
use super::axes::Axis;
use super::panel::{Panel, legend, legend_width};
use super::svg::{CURVES, Font, LEVEL, Paint, Svg, number};

/// A figure of one or more plots that share a legend.
#[derive(Clone, Debug)]
pub struct Chart<'a> {
    /// Its title.
    pub heading: &'a str,
    /// The entries of the legend: what is drawn how.
    pub entries: Vec<(Paint, &'a str)>,
    /// The plots, in reading order.
    pub plots: Vec<Plot<'a>>,
}

/// One plot of a chart.
#[derive(Clone, Debug)]
pub struct Plot<'a> {
    /// Its title; empty for a chart of one plot.
    pub title: String,
    /// The name and the range of the horizontal axis.
    pub x: (&'a str, Axis),
    /// The name and the range of the vertical axis.
    pub y: (&'a str, Axis),
    /// The curves: how each is drawn, and its points (x, y). A curve of discs or squares is drawn as points.
    pub curves: Vec<(Paint, Vec<(f64, f64)>)>,
    /// Levels, which are marked on the horizontal axis.
    pub levels: Vec<f64>,
}

/// The paint of the levels' marks.
pub const MARK: Paint = Paint::Dashed(LEVEL, 1.2);
/// The paint of a quantity that the others are compared with: it is broad, so that a curve upon it leaves it visible.
pub const TRUTH: Paint = Paint::Line("#bdbdbd", 6.0);

/// The line of curve `index`; the colours repeat after five.
pub fn line(index: usize) -> Paint {
    Paint::Line(CURVES[index % CURVES.len()].0, 1.8)
}

/// A dashed line in the colour of [`line`](line()).
pub fn dashed(index: usize) -> Paint {
    Paint::Dashed(CURVES[index % CURVES.len()].0, 1.4)
}

/// The points of curve `index`, in the colour of [`line`](line()).
pub fn points(index: usize) -> Paint {
    Paint::Discs(CURVES[index % CURVES.len()].0, 5.0)
}

/// The outline of bars of equal width between `low` and `high`: the points of a curve.
pub fn bars(low: f64, high: f64, heights: &[f64]) -> Vec<(f64, f64)> {
    let edge = |i: usize| low + (high - low) * i as f64 / heights.len() as f64;
    heights.iter().enumerate().flat_map(|(i, height)| [(edge(i), *height), (edge(i + 1), *height)]).collect()
}

/// Space above the plots without the legend, between rows of plots, and below the last row.
const ABOVE: f64 = 40.0;
const TITLE: f64 = 26.0;
const BELOW: f64 = 50.0;
/// Space left of each plot, for tick labels and the axis's name, and right of each.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 14.0;
const ROW: f64 = 22.0;

/// The chart as SVG. Up to three plots are in a row. A point off the axes interrupts its curve.
pub fn chart(chart: &Chart<'_>) -> String {
    let columns = match chart.plots.len() {
        0 | 1 => 1,
        2 | 4 => 2,
        _ => 3,
    };
    let height = [280.0, 220.0, 170.0][columns - 1];
    let titled = if chart.plots.iter().any(|plot| !plot.title.is_empty()) { TITLE } else { 8.0 };
    let pitch = titled + height + BELOW;
    let rows = legend_rows(&chart.entries);
    let top = ABOVE + ROW * rows.len() as f64;
    let plot_rows = chart.plots.len().div_ceil(columns).max(1);
    let mut svg = Svg::new(WIDTH, top + plot_rows as f64 * pitch, chart.heading);
    svg.text(14.0, 24.0, chart.heading, Font::HEADING);
    for (row, entries) in rows.iter().enumerate() {
        let entries: Vec<(&[Paint], &str)> =
            entries.iter().map(|(paint, name)| (std::slice::from_ref(paint), *name)).collect();
        legend(&mut svg, 14.0, 47.0 + ROW * row as f64, &entries);
    }
    let width = (WIDTH / columns as f64).floor();
    for (index, plot) in chart.plots.iter().enumerate() {
        let panel = Panel {
            left: (index % columns) as f64 * width + LEFT,
            top: top + (index / columns) as f64 * pitch + titled,
            width: width - LEFT - RIGHT,
            height,
            x: plot.x.1,
            y: plot.y.1,
        };
        draw(&mut svg, &panel, plot);
    }
    svg.finish()
}

/// The legend's entries in rows; each row has as many entries as fit into the figure's width.
fn legend_rows<'e>(entries: &'e [(Paint, &'e str)]) -> Vec<&'e [(Paint, &'e str)]> {
    let width = |entries: &[(Paint, &str)]| -> f64 {
        entries.iter().map(|(paint, name)| legend_width(&[(std::slice::from_ref(paint), *name)])).sum()
    };
    let mut rows = Vec::new();
    let mut rest = entries;
    while !rest.is_empty() {
        let fitting = (1..=rest.len()).take_while(|count| width(&rest[..*count]) <= WIDTH - 14.0).last().unwrap_or(1);
        let (row, later) = rest.split_at(fitting);
        rows.push(row);
        rest = later;
    }
    rows
}

fn draw(svg: &mut Svg, panel: &Panel, plot: &Plot<'_>) {
    panel.draw_axes(svg);
    svg.text(panel.left, panel.top - 9.0, &plot.title, Font::TITLE);
    panel.name_x(svg, plot.x.0);
    panel.name_y(svg, plot.y.0, 48.0);
    for x in plot.levels.iter().filter_map(|level| panel.place_x(*level)) {
        svg.path(&format!("M{} {}v{}", number(x), number(panel.top), number(panel.height)), MARK);
    }
    for (paint, points) in &plot.curves {
        let path = match paint {
            Paint::Discs(..) | Paint::Squares(..) => panel.scatter(points.iter().copied()),
            _ => panel.path(points.iter().copied()),
        };
        svg.path(&path, *paint);
    }
}
