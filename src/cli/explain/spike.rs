//! `spikeslab explain spike`: D(t), the divergence from one weight's posterior to one spike.

use super::example::{FigureOptions, begin, curve, evenly, in_range, moderate, six, value};
use crate::cli::Outcome;
use crate::cli::output::line;
use crate::report::axes::Axis;
use crate::report::chart::{self, Chart, Plot, TRUTH};
use crate::scalar::HALF_GAMMA_PLUS_LN_2;
use crate::scalar::dawson::dawson;
use crate::scalar::spike_kl::{exact, exact_derivative, fit, fit_derivative};
use crate::tensor::noise::Philox;
use clap::Args;
use std::process::ExitCode;

pub(super) const HELP: &str = "\
Examples:
  spikeslab explain spike
  spikeslab explain spike --theta 0.19 --level 0.2 --log-sigma2=-6
  spikeslab explain spike --out figures";

const EQUATIONS: &str = "\
Chapter 2 of the course. q(w) = N(theta, sigma^2), p(w) proportional to 1/|w - level|:
  t     = (theta - level)^2/sigma^2
  D(t)  = E_q ln|w - level| - ln sigma + (gamma + ln 2)/2
        = E[H_J],  H_j = 1 + 1/3 + ... + 1/(2j - 1),  J Poisson with mean t/2
        = 2 times the integral of Dawson's function from 0 to sqrt(t/2)
  D'(t) = E[1/(2J + 1)]/2 = dawson(sqrt(t/2))/sqrt(2t)
  dD/dtheta = 2 (theta - level)/sigma^2 D'(t)     dD/dlevel = -dD/dtheta     dD/dln sigma^2 = -t D'(t)
  fit   = ln(1 + t)/2 + k1 S(k3 ln t - k2),  k1 = 0.63576, k2 = 1.87320, k3 = 1.48695  (Molchanov et al. 2017)";

#[derive(Debug, Args)]
pub(super) struct SpikeArguments {
    /// The mean theta of the weight
    #[arg(long, default_value_t = 0.12, allow_negative_numbers = true)]
    theta: f64,
    /// ln sigma^2 of the weight
    #[arg(long, default_value_t = -4.0, allow_negative_numbers = true)]
    log_sigma2: f64,
    /// The level
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    level: f64,
    /// Draws of w for the mean of ln|w - level|
    #[arg(long, default_value_t = 100_000)]
    draws: u32,
    /// Seed of the draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    figures: FigureOptions,
}

/// Steps of Simpson's rule.
const STEPS: usize = 400;
/// Where the asymptotic series of Dawson's function, 1/(2s) + 1/(4s³) + 3/(8s⁵) + …, takes over.
const FAR: f64 = 10.0;

/// 2 ∫₀^√(t/2) daw(s) ds by Simpson's rule up to [`FAR`], by the series beyond.
fn by_dawson(t: f64) -> f64 {
    let end = (t / 2.0).sqrt();
    let near = end.min(FAR);
    let integral = |s: f64| 0.5 * s.ln() - 1.0 / (8.0 * s * s) - 3.0 / (32.0 * s.powi(4));
    let beyond = if end > FAR { 2.0 * (integral(end) - integral(FAR)) } else { 0.0 };
    let step = near / STEPS as f64;
    let weighted = |i: usize| {
        let weight = if i == 0 || i == STEPS { 1.0 } else { 2.0 + 2.0 * (i % 2) as f64 };
        weight * dawson(i as f64 * step)
    };
    beyond + 2.0 * step / 3.0 * (0..=STEPS).map(weighted).sum::<f64>()
}

pub(super) fn command(arguments: &SpikeArguments) -> Outcome {
    let SpikeArguments { theta, log_sigma2, level, draws, seed, figures } = arguments;
    moderate("theta", &[*theta])?;
    moderate("level", &[*level])?;
    in_range("log-sigma2", "a number from -60 to 60", *log_sigma2, |v| v.abs() <= 60.0)?;
    in_range("draws", "2 to 10000000", f64::from(*draws), |v| (2.0..=1e7).contains(&v))?;
    let (delta, sigma2) = (theta - level, log_sigma2.exp());
    let t = delta * delta / sigma2;
    let slope = exact_derivative(t);
    let figures = begin(EQUATIONS, figures)?;
    value("t", t)?;
    value("D(t), nats, as the program computes it", exact(t))?;
    value("  by Dawson's integral (Simpson's rule)", by_dawson(t))?;
    let noise: ndarray::Array1<f64> = Philox::with_tensor_id(*seed, 0, 0).standard_normal(*draws as usize);
    let logs = noise.mapv(|eps| (delta + sigma2.sqrt() * eps).abs().ln());
    let mean = logs.sum() / f64::from(*draws);
    value(&format!("  by the mean over {draws} draws of w"), mean - 0.5 * log_sigma2 + HALF_GAMMA_PLUS_LN_2)?;
    value("    the standard error of this mean", logs.std(1.0) / f64::from(*draws).sqrt())?;
    value("  by the published fit", fit(t))?;
    value("D'(t)", slope)?;
    value("  of the fit", fit_derivative(t))?;
    value("dD/dtheta", 2.0 * delta / sigma2 * slope)?;
    value("dD/dlevel", -2.0 * delta / sigma2 * slope)?;
    value("dD/dln sigma^2", -t * slope)?;
    let direction = match delta {
        0.0 => "stays, and sigma^2 is not drawn anywhere".to_string(),
        _ => format!("moves towards {}, and sigma^2 grows", six(*level)),
    };
    line(&format!("A step that lowers D: theta {direction}."))?;
    figures.save(|| Ok([("spike", figure(t))]))?;
    Ok(ExitCode::SUCCESS)
}

/// D, its fit, its two limits; the fit's error; D′. The weight is a point where `t` is within the axes.
fn figure(t: f64) -> String {
    let log_t = evenly(-6.0, 10.0, 241);
    let of = |f: fn(f64) -> f64| curve(&log_t, |log_t| f(log_t.exp()));
    let x = || ("ln t", Axis::linear(log_t.iter().copied()));
    let plot = |title: &str, y: &'static str, ends: [f64; 2], curves| Plot {
        title: title.to_string(),
        x: x(),
        y: (y, Axis::linear(ends)),
        curves,
        levels: Vec::new(),
    };
    let (near, far) = (chart::line(2), chart::line(4));
    let values = vec![
        (TRUTH, of(exact)),
        (near, of(|t| t / 2.0)),
        (far, of(|t| 0.5 * t.ln() + HALF_GAMMA_PLUS_LN_2)),
        (chart::line(0), of(fit::<f64>)),
        (chart::points(3), vec![(t.ln(), exact(t))]),
    ];
    let errors = vec![(chart::line(0), of(|t| 1000.0 * (fit(t) - exact(t))))];
    let slopes = vec![
        (TRUTH, of(exact_derivative)),
        (chart::line(0), of(fit_derivative::<f64>)),
        (chart::points(3), vec![(t.ln(), exact_derivative(t))]),
    ];
    chart::chart(&Chart {
        heading: "The divergence D(t) to one spike",
        entries: vec![
            (TRUTH, "exact"),
            (chart::line(0), "published fit"),
            (near, "t/2, the limit near the level"),
            (far, "½ ln t + ½(γ + ln 2), far from it"),
            (chart::points(3), "this weight"),
        ],
        plots: vec![
            plot("D", "nats", [0.0, 6.0], values),
            plot("fit less D", "10⁻³ nats", [-6.0, 12.0], errors),
            plot("D′", "nats per unit of t", [0.0, 0.55], slopes),
        ],
    })
}
