//! The reliability diagram: accuracy against confidence, and the number of images of each confidence.

use super::WIDTH;
use super::axes::{Axis, labels};
use super::panel::{Panel, legend};
use super::svg::{Anchor, CURVES, Font, GREY, Paint, Svg, number};
use crate::train::uncertainty::calibration::{Bin, expected};
use std::fmt::Write;

/// What the figure shows for one kind of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Reliability {
    /// The name of the kind of weights.
    pub name: String,
    /// The bins of equal width, from the lowest to the highest confidence.
    pub bins: Vec<Bin>,
}

/// The largest side of an accuracy plot.
const SIDE: f64 = 300.0;
/// Height of the plot of counts.
const COUNTS: f64 = 84.0;
const TOP: f64 = 90.0;
/// Space left of each plot, for labels up to 10,000 and the axis's name.
const LEFT: f64 = 62.0;
/// From a kind's name to the left edge of its plots.
const OVERHANG: f64 = 48.0;

/// One column for each kind of weights, as SVG. The upper plot has the accuracy of each bin as a bar and, at the bin's
/// mean confidence, as a disc; the lower plot has the number of the bin's images, on a logarithmic axis. The discs of a
/// calibrated network are on the diagonal.
pub fn reliability(kinds: &[Reliability]) -> String {
    let pitch = WIDTH / kinds.len().max(1) as f64;
    let side = (pitch - LEFT - 8.0).min(SIDE);
    let eces = labels(&kinds.iter().map(|kind| expected(&kind.bins)).collect::<Vec<f64>>(), 3);
    let eces: Vec<String> = eces.iter().map(|ece| format!("ECE {ece}")).collect();
    // Where a kind's name and its ECE have no room side by side, the ECE is below the name.
    let fits = |(kind, ece): (&Reliability, &String)| {
        Font::TITLE.width(&kind.name) + 6.0 + Font::SMALL.width(ece) <= side + OVERHANG
    };
    let lower = if kinds.iter().zip(&eces).all(fits) { 0.0 } else { 15.0 };
    let top = TOP + lower;
    let mut svg = Svg::new(WIDTH, top + side + 40.0 + COUNTS + 46.0, "Reliability diagram");
    svg.text(14.0, 24.0, "Accuracy against confidence", Font::HEADING);
    let (color, tint) = CURVES[4];
    let entries: &[(&[Paint], &str)] = &[
        (&[Paint::Fill(tint)], "accuracy of a bin"),
        (&[Paint::Discs(color, 5.0)], "at its mean confidence"),
        (&[Paint::Dashed(GREY, 1.2)], "confidence = accuracy"),
    ];
    legend(&mut svg, 14.0, 47.0, entries);
    if kinds.is_empty() {
        svg.text(WIDTH / 2.0, TOP + SIDE / 2.0, "no weights", Font::SMALL.anchor(Anchor::Middle));
    }
    let most = kinds.iter().flat_map(|kind| &kind.bins).map(|bin| bin.images).max().unwrap_or(0).max(10) as f64;
    for (i, (kind, ece)) in kinds.iter().zip(&eces).enumerate() {
        let (color, tint) = CURVES[i % CURVES.len()];
        let left = i as f64 * pitch + LEFT;
        let x = Axis::linear([0.0, 1.0]);
        let above = Panel { left, top, width: side, height: side, x, y: Axis::linear([0.0, 1.0]) };
        let below = Panel { top: above.bottom() + 40.0, height: COUNTS, y: Axis::log10([0.8, most]), ..above };
        let title = Font::TITLE.color(color);
        svg.text(left - OVERHANG, top - 12.0 - lower, &kind.name, title);
        svg.text(above.right(), top - 12.0, ece, Font::SMALL.anchor(Anchor::End));
        above.draw_axes(&mut svg);
        below.draw_axes(&mut svg);
        below.name_x(&mut svg, "confidence");
        if i == 0 {
            above.name_y(&mut svg, "accuracy", 40.0);
            below.name_y(&mut svg, "images, log scale", 49.0);
        }
        let width = 1.0 / kind.bins.len().max(1) as f64;
        let (mut bars, mut counts, mut discs) = (String::new(), String::new(), String::new());
        for (b, bin) in kind.bins.iter().enumerate().filter(|(_, bin)| bin.images > 0) {
            let edges = [b as f64 * width, (b + 1) as f64 * width];
            bar(&mut bars, &above, edges, bin.accuracy);
            bar(&mut counts, &below, edges, bin.images as f64);
            if let Some((x, y)) = above.place_x(bin.confidence).zip(above.place_y(bin.accuracy)) {
                let _ = write!(discs, "M{} {}h.01", number(x), number(y));
            }
        }
        svg.path(&bars, Paint::Fill(tint));
        svg.path(&above.path([(0.0, 0.0), (1.0, 1.0)]), Paint::Dashed(GREY, 1.2));
        svg.path(&discs, Paint::Discs(color, 5.0));
        svg.path(&counts, Paint::Fill(color));
        if kind.bins.iter().all(|bin| bin.images == 0) {
            above.remark(&mut svg, "no images");
        }
    }
    svg.finish()
}

/// Draws a bar from 0, or from the lower end of the axis if 0 is not on it.
fn bar(path: &mut String, panel: &Panel, edges: [f64; 2], value: f64) {
    let base = panel.place_y(0.0).unwrap_or(panel.bottom());
    let [left, right] = edges.map(|edge| panel.place_x(edge).unwrap_or(panel.left));
    let top = panel.place_y(value).unwrap_or(base);
    let [left, right, top, base] = [left + 0.5, right - 0.5, top, base].map(number);
    let _ = write!(path, "M{left} {base}V{top}H{right}V{base}Z");
}
