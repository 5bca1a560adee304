//! `spikeslab explain reparameterization`: noise of the pre-activation in place of noise of the weights.

use super::example::{FigureOptions, begin, columns, curve, density, evenly, in_range, moderate, same_count, value};
use crate::cli::Outcome;
use crate::cli::output::line;
use crate::error::Error;
use crate::report::axes::Axis;
use crate::report::chart::{self, Chart, Plot, TRUTH};
use crate::report::histogram::bin;
use crate::tensor::noise::Philox;
use clap::Args;
use ndarray::{Array1, Array2};
use std::process::ExitCode;

pub(super) const HELP: &str = "\
Examples:
  spikeslab explain reparameterization
  spikeslab explain reparameterization --x 1,1 --theta 0.5,0.5 --log-sigma2=-2,-6 --other=1,-1
  spikeslab explain reparameterization --draws 1000000 --out figures";

const EQUATIONS: &str = "\
Chapter 4 of the course. One output y = sum_i x_i w_i of one image x, weights w_i drawn from N(theta_i, sigma_i^2):
  m = sum x_i theta_i        v = sum x_i^2 sigma_i^2        y = m + sqrt(v) eps,  eps drawn from N(0, 1)
y has the same distribution either way. For the loss y^2/2, with dy = y:
  noise of the weights       dln sigma_i^2 = dy x_i sigma_i eps_i/2
  noise of y                 dln sigma_i^2 = dy x_i^2 sigma_i^2 eps/(2 sqrt v)
Two images that share the weights' noise have outputs of covariance sum x_i x'_i sigma_i^2; with independent noise, 0.";

#[derive(Debug, Args)]
pub(super) struct ReparameterizationArguments {
    /// The inputs of the image
    #[arg(long, value_name = "X", value_delimiter = ',', allow_hyphen_values = true, default_value = "1,-0.5,2,0.3")]
    x: Vec<f64>,
    /// The inputs of another image
    #[arg(long, value_name = "X", value_delimiter = ',', allow_hyphen_values = true, default_value = "0.8,0.5,1.5,-1")]
    other: Vec<f64>,
    /// The weights' means
    #[arg(
        long,
        value_name = "THETA",
        value_delimiter = ',',
        allow_hyphen_values = true,
        default_value = "0.2,0,-0.1,0.2"
    )]
    theta: Vec<f64>,
    /// The weights' ln sigma^2
    #[arg(long, value_name = "L", value_delimiter = ',', allow_hyphen_values = true, default_value = "-3,-2,-4,-1")]
    log_sigma2: Vec<f64>,
    /// Draws
    #[arg(long, default_value_t = 100_000)]
    draws: usize,
    /// Seed of the draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    figures: FigureOptions,
}

/// The mean and the variance of numbers.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count)
}

fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let ((mean_a, _), (mean_b, _)) = (moments(a), moments(b));
    a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / a.len() as f64
}

pub(super) fn command(arguments: &ReparameterizationArguments) -> Outcome {
    let ReparameterizationArguments { x, other, theta, log_sigma2, draws, seed, figures } = arguments;
    for (name, values) in [("x", x), ("other", other), ("theta", theta), ("log-sigma2", log_sigma2)] {
        moderate(name, values)?;
        same_count(name, values, "x", x)?;
    }
    log_sigma2
        .iter()
        .try_for_each(|v| in_range("log-sigma2", "numbers from -60 to 20", *v, |v| (-60.0..=20.0).contains(&v)))?;
    in_range("draws", "2 to 10000000", *draws as f64, |v| (2.0..=1e7).contains(&v))?;
    let weights = x.len();
    if draws * weights > 100_000_000 {
        return Err(Error::option("draws", "at most 100000000 normals, draws times weights", draws * weights).into());
    }
    let sigma: Vec<f64> = log_sigma2.iter().map(|log| (0.5 * log).exp()).collect();
    let of = |image: &[f64]| -> (f64, f64) {
        let mean = image.iter().zip(theta).map(|(x, theta)| x * theta).sum();
        (mean, image.iter().zip(&sigma).map(|(x, sigma)| (x * sigma).powi(2)).sum())
    };
    let ((mean, variance), (other_mean, other_variance)) = (of(x), of(other));
    if variance <= 0.0 {
        return Err(Error::option("x", "an input that is not 0", format!("{x:?}")).into());
    }

    // One row of noise a draw.
    let of_weights: Array2<f64> = Philox::with_tensor_id(*seed, 0, 0).standard_normal((*draws, weights));
    let with = |image: &[f64]| -> Vec<f64> {
        let rows = of_weights.rows().into_iter();
        rows.map(|eps| (0..weights).map(|i| image[i] * (theta[i] + sigma[i] * eps[i])).sum()).collect()
    };
    let noise = |tensor: u32| -> Array1<f64> { Philox::with_tensor_id(*seed, tensor, 0).standard_normal(*draws) };
    let (eps, other_eps) = (noise(1), noise(2));
    let (by_weights, other_by_weights) = (with(x), with(other));
    let by_outputs: Vec<f64> = eps.iter().map(|eps| mean + variance.sqrt() * eps).collect();
    let other_by_outputs: Vec<f64> = other_eps.iter().map(|eps| other_mean + other_variance.sqrt() * eps).collect();

    let figures = begin(EQUATIONS, figures)?;
    value("m", mean)?;
    value("v", variance)?;
    line("")?;
    line(&format!("{:<40}{:>13}{:>13}", format!("over {draws} draws"), "of weights", "of y"))?;
    let ((mean_w, variance_w), (mean_y, variance_y)) = (moments(&by_weights), moments(&by_outputs));
    let row = |name: &str, values: [f64; 2]| line(&format!("{name:<40}{}", columns(values)));
    row("random numbers an image", [weights as f64, 1.0])?;
    row("mean of y", [mean_w, mean_y])?;
    row("variance of y", [variance_w, variance_y])?;
    let covariances = [covariance(&by_weights, &other_by_weights), covariance(&by_outputs, &other_by_outputs)];
    row("covariance of the two images' outputs", covariances)?;
    for i in 0..weights {
        let from_weights: Vec<f64> =
            of_weights.column(i).iter().zip(&by_weights).map(|(eps, y)| y * x[i] * sigma[i] * eps / 2.0).collect();
        let share = (x[i] * sigma[i]).powi(2) / (2.0 * variance.sqrt());
        let from_outputs: Vec<f64> = eps.iter().zip(&by_outputs).map(|(eps, y)| y * share * eps).collect();
        let ((mean_w, variance_w), (mean_y, variance_y)) = (moments(&from_weights), moments(&from_outputs));
        row(&format!("dln sigma^2 of weight {}: mean", i + 1), [mean_w, mean_y])?;
        row("  deviation", [variance_w.sqrt(), variance_y.sqrt()])?;
    }
    let heading = "One output, with noise of the weights and with noise of the output";
    let reach = 4.0 * variance.sqrt();
    let y = evenly(mean - reach, mean + reach, 161);
    let plot = Plot {
        title: String::new(),
        x: ("y", Axis::linear(y.iter().copied())),
        y: ("density", Axis::linear([0.0, 1.15 * density(mean, mean, variance)])),
        curves: vec![
            (TRUTH, curve(&y, |y| density(y, mean, variance))),
            (chart::line(0), outline(&by_weights, mean - reach, mean + reach)),
            (chart::line(1), outline(&by_outputs, mean - reach, mean + reach)),
        ],
        levels: Vec::new(),
    };
    let entries = vec![(TRUTH, "N(m, v)"), (chart::line(0), "noise of the weights"), (chart::line(1), "noise of y")];
    let chart = Chart { heading, entries, plots: vec![plot] };
    figures.save(|| Ok([("reparameterization", chart::chart(&chart))]))?;
    Ok(ExitCode::SUCCESS)
}

/// Bins of a histogram.
const BINS: usize = 60;

/// The histogram of `values` between `low` and `high`, as a density.
fn outline(values: &[f64], low: f64, high: f64) -> Vec<(f64, f64)> {
    let all = values.len() as f64 * (high - low) / BINS as f64;
    let heights: Vec<f64> = bin(values, low, high, BINS).iter().map(|count| *count as f64 / all).collect();
    chart::bars(low, high, &heights)
}
