//! The quantized loss by epoch.

use super::WIDTH;
use super::axes::{Axis, label};
use super::panel::Panel;
use super::svg::{Anchor, Font, Paint, Svg, WEIGHT};

/// Name of the quantized loss on a logarithmic axis.
pub(super) const NAME: &str = "quantized loss Σ(θ − Q(θ))², log scale";

/// The quantized loss after epochs 1, 2, …, as SVG, on a logarithmic axis, with the first and the last value as text.
/// A loss of 0 is drawn at the lower edge, which then has the tick 0; a loss that is negative or not finite leaves a
/// gap.
pub fn quantized_loss(epochs: &[f64]) -> String {
    let (height, top) = (340.0, 48.0);
    let mut svg = Svg::new(WIDTH, height, "Quantized loss by epoch");
    svg.text(14.0, 24.0, "Quantized loss by epoch", Font::HEADING);
    let panel = Panel {
        left: 78.0,
        top,
        width: WIDTH - 78.0 - 24.0,
        height: height - top - 46.0,
        x: Axis::epochs(epochs.len()),
        y: Axis::log10(epochs.iter().copied()),
    };
    panel.draw_axes(&mut svg);
    panel.name_x(&mut svg, "epoch");
    panel.name_y(&mut svg, NAME, 60.0);
    let dots = panel.dots(epochs);
    if dots.is_empty() {
        panel.remark(&mut svg, if epochs.is_empty() { "no epochs" } else { "no finite values" });
    }
    svg.path(&panel.curve(epochs), Paint::Line(WEIGHT, 2.0));
    svg.path(&dots, Paint::Discs(WEIGHT, 6.0));

    let placed: Vec<(f64, f64, f64)> = (1..)
        .zip(epochs)
        .filter_map(|(epoch, &loss)| Some((panel.place_x(f64::from(epoch))?, panel.place_y(loss)?, loss)))
        .collect();
    let font = Font::NAME.color(WEIGHT);
    // The position above the highest point of the curve between `left` and `right`.
    let above = |left: f64, right: f64| {
        let over = placed.iter().filter(|(x, ..)| (left..=right).contains(x));
        over.map(|(_, y, _)| y - 9.0).fold(f64::INFINITY, f64::min)
    };
    if let Some(&(x, _, loss)) = placed.first() {
        let text = label(loss, 3);
        svg.text(x, above(x, x + font.width(&text)), &text, font.anchor(Anchor::Start));
    }
    if let [_, .., (x, _, loss)] = placed[..] {
        let text = label(loss, 3);
        // The curve reaches the last point from the left, under the text.
        let before = placed[placed.len() - 2].0;
        svg.text(x, above(before.min(x - font.width(&text)), x), &text, font.anchor(Anchor::End));
    }
    svg.finish()
}
