//! Accuracy and NLL by epoch.

use super::WIDTH;
use super::axes::{Axis, label};
use super::comparison::{ERROR, THIN, errors};
use super::panel::{Panel, legend};
use super::svg::{Font, LEVEL, Paint, Svg, WEIGHT};

/// What the figure shows of a training, each after epochs 1, 2, …
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accuracies {
    /// Accuracy with mean weights, a fraction; none after an epoch that was not evaluated.
    pub mean: Vec<Option<f64>>,
    /// Accuracy with quantized weights, a fraction; none after an epoch that was not evaluated.
    pub quantized: Vec<Option<f64>>,
    /// Mean NLL of the training images, nats.
    pub nll: Vec<f64>,
}

/// Height and width of the plots.
const PLOT: (f64, f64) = (240.0, 310.0);
const TOP: f64 = 86.0;

/// The error with mean and with quantized weights (left) and the NLL of the training images (right) by epoch, both on
/// logarithmic axes, as SVG. The legend has the values of the last epoch.
pub fn accuracy(epochs: &Accuracies) -> String {
    let mut svg = Svg::new(WIDTH, TOP + PLOT.0 + 46.0, "Accuracy and NLL by epoch");
    svg.text(14.0, 24.0, "Accuracy and NLL by epoch", Font::HEADING);
    let last = |last: Option<f64>, what: &str, text: &dyn Fn(f64) -> String| match last {
        Some(last) if last.is_finite() => format!("{what} {} after the last epoch", text(last)),
        _ => what.to_string(),
    };
    let percent = |accuracy: f64| format!("{:.2} %", 100.0 * accuracy);
    let quantized = last(epochs.quantized.last().copied().flatten(), "quantized weights: accuracy", &percent);
    let mean = last(epochs.mean.last().copied().flatten(), "mean weights: accuracy", &percent);
    let nll = last(epochs.nll.last().copied(), "training images: NLL", &|nll| label(nll, 3));
    let solid = [Paint::Line(WEIGHT, 1.8), Paint::Discs(WEIGHT, 5.5)];
    let dashed = [Paint::Dashed(LEVEL, THIN)];
    let count = epochs.mean.len().max(epochs.quantized.len()).max(epochs.nll.len());
    let (mean_errors, quantized_errors) = (errors(&epochs.mean), errors(&epochs.quantized));
    let plot = |left: f64, y: Axis| {
        let x = Axis::epochs(count);
        Panel { left, top: TOP, width: PLOT.1, height: PLOT.0, x, y }
    };
    let error =
        plot(78.0, Axis::log10([&mean_errors, &quantized_errors].into_iter().flatten().map(|(_, error)| *error)));
    let loss = plot(WIDTH - 20.0 - PLOT.1, Axis::log10(epochs.nll.iter().copied()));
    legend(&mut svg, 14.0, 48.0, &[(&solid, &quantized)]);
    legend(&mut svg, 14.0, 70.0, &[(&dashed, &mean)]);
    legend(&mut svg, loss.left - 64.0, 70.0, &[(&solid, &nll)]);
    for (panel, name, distance) in [(&error, ERROR, 44.0), (&loss, "NLL, nats, log scale", 50.0)] {
        panel.draw_axes(&mut svg);
        panel.name_x(&mut svg, "epoch");
        panel.name_y(&mut svg, name, distance);
        if count == 0 {
            panel.remark(&mut svg, "no epochs");
        }
    }
    svg.path(&error.path(quantized_errors.iter().copied()), solid[0]);
    svg.path(&error.scatter(quantized_errors), solid[1]);
    svg.path(&error.path(mean_errors.iter().copied()), dashed[0]);
    svg.path(&error.scatter(mean_errors), Paint::Discs(LEVEL, 2.0 * THIN));
    svg.path(&loss.curve(&epochs.nll), solid[0]);
    svg.path(&loss.dots(&epochs.nll), solid[1]);
    svg.finish()
}
