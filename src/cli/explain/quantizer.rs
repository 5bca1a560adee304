//! `spikeslab explain quantizer`: weights and their nearest levels, k-means, and the straight-through gradient.

use super::example::{CodebookOption, FigureOptions, begin, columns, curve, evenly, moderate, same_count, value};
use crate::cli::Outcome;
use crate::cli::output::line;
use crate::layers::straight_through;
use crate::prior::kmeans::kmeans;
use crate::prior::quantizer::Quantizer;
use crate::report::axes::Axis;
use crate::report::chart::{self, Chart, MARK, Plot};
use clap::Args;
use ndarray::ArrayView1;
use std::process::ExitCode;

pub(super) const HELP: &str = "\
Examples:
  spikeslab explain quantizer
  spikeslab explain quantizer --codebook=-1,1 --theta=-0.4,0.1,0.7 --dw=1,2,-1
  spikeslab explain quantizer --out figures";

const EQUATIONS: &str = "\
Chapter 7 of the course. Levels l_1 < ... < l_M, weights theta_i:
  partition       p_k = (l_k + l_{k+1})/2
  Q(theta) = l_k  for p_{k-1} < theta <= p_k
  quantized loss  sum_i (theta_i - Q(theta_i))^2, the squared distance of the weights to their levels
  k-means         the M levels of least quantized loss for these weights
Straight through: the layer computes with w = Q(theta). Given dw, dtheta := dw, dl_k = sum of dw over the weights at l_k.";

#[derive(Debug, Args)]
pub(super) struct QuantizerArguments {
    #[command(flatten)]
    levels: CodebookOption,
    /// The weights
    #[arg(
        long,
        value_name = "THETA",
        value_delimiter = ',',
        allow_hyphen_values = true,
        default_value = "-0.31,-0.17,-0.1,-0.02,0.01,0.06,0.12,0.24"
    )]
    theta: Vec<f64>,
    /// The gradient with respect to w, a number for each weight [default: 1 for each]
    #[arg(long, value_name = "DW", value_delimiter = ',', allow_hyphen_values = true)]
    dw: Option<Vec<f64>>,
    #[command(flatten)]
    figures: FigureOptions,
}

pub(super) fn command(arguments: &QuantizerArguments) -> Outcome {
    let QuantizerArguments { levels, theta, dw, figures } = arguments;
    let codebook = levels.codebook()?;
    let levels = codebook.levels();
    moderate("theta", theta)?;
    let dw = dw.clone().unwrap_or_else(|| vec![1.0; theta.len()]);
    moderate("dw", &dw)?;
    same_count("dw", &dw, "theta", theta)?;
    let quantizer = Quantizer::new(levels);
    let best = kmeans(theta, levels.len())?;
    let dlevels =
        straight_through::level_gradient(ArrayView1::from(theta).into_dyn(), levels, ArrayView1::from(&dw).into_dyn());

    let figures = begin(EQUATIONS, figures)?;
    let partitions = levels.windows(2).map(|pair| crate::prior::quantizer::partition(pair[0], pair[1]));
    line(&format!("{:<12}{}", "levels", columns(levels.iter().copied())))?;
    line(&format!("{:<18}{}", "partitions", columns(partitions)))?;
    line("")?;
    line(&format!(
        "{:>13}{:>12}{:>13}{:>15}{:>13}{:>13}",
        "theta", "level", "Q(theta)", "(theta - Q)^2", "dw", "dtheta"
    ))?;
    for (theta, dw) in theta.iter().zip(&dw) {
        let (index, quantized) = (quantizer.index(*theta), quantizer.value(*theta));
        let squared = columns([(theta - quantized).powi(2)]);
        line(&format!(
            "{}{:>12}{}  {squared}{}",
            columns([*theta]),
            index + 1,
            columns([quantized]),
            columns([*dw, *dw])
        ))?;
    }
    line("")?;
    line(&format!("{:<12}{}", "dl", columns(dlevels)))?;
    value("quantized loss", quantizer.loss(theta))?;
    line(&format!("{:<12}{}", "k-means", columns(best.iter().copied())))?;
    if best.len() < levels.len() {
        line("  (the weights have no more distinct values)")?;
    }
    value("quantized loss with the levels of k-means", Quantizer::new(&best).loss(theta))?;
    figures.save(|| Ok([("quantizer", figure(levels, theta, &best))]))?;
    Ok(ExitCode::SUCCESS)
}

/// Q and the squared distance to it over θ, for the codebook and for the levels of k-means; the weights as points.
fn figure(levels: &[f64], weights: &[f64], best: &[f64]) -> String {
    let ends = || levels.iter().chain(best).chain(weights).copied();
    let (low, high) = (ends().fold(f64::INFINITY, f64::min), ends().fold(f64::NEG_INFINITY, f64::max));
    let margin = 0.1 * (high - low);
    let theta = evenly(low - margin, high + margin, 401);
    let paints = [chart::line(1), chart::line(2)];
    let quantizers = [Quantizer::new(levels), Quantizer::new(best)];
    let each = |f: &dyn Fn(&Quantizer<f64>, f64) -> f64| -> Vec<_> {
        let lines = paints.iter().zip(&quantizers).map(|(paint, q)| (*paint, curve(&theta, |theta| f(q, theta))));
        let at = weights.iter().map(|theta| (*theta, f(&quantizers[0], *theta)));
        lines.chain([(chart::points(1), at.collect())]).collect()
    };
    let plot = |title: &str, y: &'static str, curves: Vec<(_, Vec<(f64, f64)>)>| {
        let values = curves.iter().flat_map(|(_, points)| points).map(|(_, y)| *y).chain([0.0]);
        let (x, y) = (("θ", Axis::linear(theta.iter().copied())), (y, Axis::linear(values)));
        Plot { title: title.to_string(), x, y, curves, levels: levels.to_vec() }
    };
    let (steps, distances) = (each(&|q, theta| q.value(theta)), each(&|q, theta| (theta - q.value(theta)).powi(2)));
    chart::chart(&Chart {
        heading: "The quantizer",
        entries: vec![
            (paints[0], "the codebook"),
            (chart::points(1), "weights"),
            (paints[1], "the levels of k-means"),
            (MARK, "level"),
        ],
        plots: vec![plot("Q(θ)", "level", steps), plot("(θ − Q(θ))²", "squared distance", distances)],
    })
}
