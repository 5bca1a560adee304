//! Risk against coverage: the errors among the most confident images.

use super::WIDTH;
use super::axes::{Axis, labels};
use super::panel::{Panel, legend, legend_width};
use super::svg::{CURVES, Font, Paint, Svg};

/// What the figure shows for one kind of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct RiskCurve {
    /// The name of the kind of weights.
    pub name: String,
    /// The risk at coverages 1/N, 2/N … 1.
    pub risks: Vec<f64>,
    /// The area under the curve.
    pub area: f64,
}

/// The largest number of points of a curve: about one per unit of the figure's width.
const POINTS: usize = 600;

/// Risk by coverage, both in percent, one curve for each kind of weights, as SVG.
pub fn risk_coverage(kinds: &[RiskCurve]) -> String {
    let paints: Vec<[Paint; 1]> = (0..kinds.len()).map(|i| [paint(i, kinds.len())]).collect();
    let areas = labels(&kinds.iter().map(|kind| kind.area).collect::<Vec<f64>>(), 3);
    let names: Vec<String> =
        kinds.iter().zip(areas).map(|(kind, area)| format!("{}: area {area}", kind.name)).collect();
    let entries: Vec<(&[Paint], &str)> =
        paints.iter().map(|paint| &paint[..]).zip(names.iter().map(String::as_str)).collect();
    // All entries in one row if they have room there, else two per row.
    let rows: Vec<_> =
        if 14.0 + legend_width(&entries) <= WIDTH { vec![&entries[..]] } else { entries.chunks(2).collect() };
    let top = 40.0 + 22.0 * rows.len() as f64;
    let mut svg = Svg::new(WIDTH, top + 280.0 + 46.0, "Risk against coverage");
    svg.text(14.0, 24.0, "Errors among the most confident images", Font::HEADING);
    for (row, entries) in rows.into_iter().enumerate() {
        legend(&mut svg, 14.0, 47.0 + 22.0 * row as f64, entries);
    }
    let risks = kinds.iter().flat_map(|kind| &kind.risks).map(|risk| risk * 100.0);
    let panel = Panel {
        left: 66.0,
        top,
        width: WIDTH - 66.0 - 24.0,
        height: 280.0,
        x: Axis::linear([0.0, 100.0]),
        y: Axis::from_zero(risks),
    };
    panel.draw_axes(&mut svg);
    panel.name_x(&mut svg, "coverage: share of the images answered, %");
    panel.name_y(&mut svg, "risk: share of these that is wrong, %", 48.0);
    if kinds.iter().all(|kind| kind.risks.is_empty()) {
        panel.remark(&mut svg, "no images");
    }
    for (kind, paint) in kinds.iter().zip(&paints) {
        let images = kind.risks.len();
        let points = POINTS.min(images);
        let shown = (1..=points).map(|i| i * images / points);
        let curve = shown.map(|n| (100.0 * n as f64 / images as f64, 100.0 * kind.risks[n - 1]));
        svg.path(&panel.path(curve), paint[0]);
    }
    svg.finish()
}

/// Later curves are narrower, so that all are visible where they coincide.
fn paint(index: usize, count: usize) -> Paint {
    Paint::Line(CURVES[index % CURVES.len()].0, 1.4 + 1.2 * (count - 1 - index) as f64)
}
