//! The published comparison of a multi-spike and a Gaussian prior: the quantized loss and the error with quantized
//! weights by epoch.

use super::WIDTH;
use super::axes::Axis;
use super::panel::{Entries, Panel, legend, legend_width};
use super::quantized_loss::NAME;
use super::svg::{CURVES, Font, GREY, Paint, Svg};

/// One training run of the comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub label: String,
    /// Σ(θ − Q(θ))² after epochs 1, 2, …
    pub quantized_loss: Vec<f64>,
    /// Accuracy with mean weights after epochs 1, 2, …, a fraction; none after an epoch that was not evaluated.
    pub accuracy_mean: Vec<Option<f64>>,
    /// Accuracy with quantized weights after epochs 1, 2, …, a fraction; none after an epoch that was not evaluated.
    pub accuracy_quantized: Vec<Option<f64>>,
}

/// Height and width of the plots.
const PLOT: (f64, f64) = (260.0, 310.0);

/// The width of the line of mean weights.
pub(super) const THIN: f64 = 1.2;
/// Name of the error on a logarithmic axis.
pub(super) const ERROR: &str = "error: 100 − accuracy, %, log scale";

/// Quantized loss (left) and error (right, in percent) by epoch, both on logarithmic axes, one colour per curve, as
/// SVG. On such an axis errors of 2 % and 3 % are apart, whatever the error of the first epochs. The error with mean
/// weights is a thin, dashed line.
pub fn comparison(curves: &[Curve]) -> String {
    let right = WIDTH - 20.0 - PLOT.1;
    let paints: Vec<[Paint; 2]> = (0..curves.len()).map(paints).collect();
    let runs: Vec<(&[Paint], &str)> =
        paints.iter().zip(curves).map(|(paints, curve)| (&paints[..], curve.label.as_str())).collect();
    // The runs' names share a row with the key to the right plot if there is room for both.
    let rows = if 14.0 + legend_width(&runs) > right { 2.0 } else { 1.0 };
    let top = 36.0 + 25.0 * rows;
    let mut svg = Svg::new(WIDTH, top + PLOT.0 + 46.0, "Quantized loss and error by epoch");
    svg.text(14.0, 24.0, "Quantized loss and error by epoch", Font::HEADING);
    legend(&mut svg, 14.0, 48.0, &runs);
    let kinds: &Entries<'_> = &[
        (&[Paint::Line(GREY, 1.8), Paint::Discs(GREY, 5.5)], "quantized weights"),
        (&[Paint::Dashed(GREY, THIN)], "mean weights"),
    ];
    legend(&mut svg, right, top - 13.0, kinds);

    let epochs =
        curves.iter().flat_map(|c| [c.quantized_loss.len(), c.accuracy_mean.len(), c.accuracy_quantized.len()]);
    let epochs = epochs.max().unwrap_or(0);
    let plot = |left: f64, y: Axis| {
        let x = Axis::epochs(epochs);
        Panel { left, top, width: PLOT.1, height: PLOT.0, x, y }
    };
    let loss = plot(78.0, Axis::log10(curves.iter().flat_map(|c| c.quantized_loss.iter().copied())));
    let all_errors = curves.iter().flat_map(|c| [&c.accuracy_mean, &c.accuracy_quantized]).flat_map(|a| errors(a));
    let error = plot(right, Axis::log10(all_errors.map(|(_, error)| error)));
    for (panel, name, distance) in [(&loss, NAME, 60.0), (&error, ERROR, 44.0)] {
        panel.draw_axes(&mut svg);
        panel.name_x(&mut svg, "epoch");
        panel.name_y(&mut svg, name, distance);
        if epochs == 0 {
            panel.remark(&mut svg, "no epochs");
        }
    }

    for (curve, paints) in curves.iter().zip(&paints) {
        svg.path(&loss.curve(&curve.quantized_loss), paints[0]);
        svg.path(&loss.dots(&curve.quantized_loss), paints[1]);
        let quantized = errors(&curve.accuracy_quantized);
        svg.path(&error.path(quantized.iter().copied()), paints[0]);
        svg.path(&error.scatter(quantized), paints[1]);
    }
    // The dashed lines are drawn last, above all others: where both errors are equal, the line of the quantized weights
    // would hide them.
    for (i, curve) in curves.iter().enumerate() {
        let (color, _) = CURVES[i % CURVES.len()];
        let mean = errors(&curve.accuracy_mean);
        svg.path(&error.path(mean.iter().copied()), Paint::Dashed(color, THIN));
        svg.path(&error.scatter(mean), Paint::Discs(color, 2.0 * THIN));
    }
    svg.finish()
}

/// The line and the points of curve `index`. Discs and squares alternate, so that curves differ also without colour.
fn paints(index: usize) -> [Paint; 2] {
    let (color, _) = CURVES[index % CURVES.len()];
    let points = if index.is_multiple_of(2) { Paint::Discs(color, 5.5) } else { Paint::Squares(color, 4.5) };
    [Paint::Line(color, 1.8), points]
}

/// The epochs with an accuracy, a fraction after epochs 1, 2, …, each with its error in percent.
pub(super) fn errors(accuracies: &[Option<f64>]) -> Vec<(f64, f64)> {
    let epochs = (1..).map(f64::from).zip(accuracies);
    epochs.filter_map(|(epoch, accuracy)| Some((epoch, 100.0 * (1.0 - (*accuracy)?)))).collect()
}
