//! `spikeslab explain posterior`: the bound on the evidence, where everything can be computed exactly: one weight,
//! Gaussian noise.

use super::example::{FigureOptions, begin, curve, density, evenly, moderate, moderate_positive, same_count, value};
use crate::cli::Outcome;
use crate::report::axes::Axis;
use crate::report::chart::{self, Chart, Plot, TRUTH};
use crate::scalar::gaussian_kl::gaussian_kl;
use clap::Args;
use std::f64::consts::TAU;
use std::process::ExitCode;

pub(super) const HELP: &str = "\
Examples:
  spikeslab explain posterior
  spikeslab explain posterior --theta 0.8 --sigma 0.1      an approximation that is too certain
  spikeslab explain posterior --x 1,2,3 --y 1.1,1.9,3.2 --out figures";

const EQUATIONS: &str = "\
Chapter 1 of the course. One weight w, images x, targets y:
  y = w x + noise of deviation s        p(w) = N(0, tau^2)        q(w) = N(theta, sigma^2)
  posterior    p(w | D) = N(m, V)       1/V = sum x^2/s^2 + 1/tau^2        m = V sum x y/s^2
  evidence     ln p(D) = ELBO + KL(q || p(w | D))
  ELBO         E_q ln p(D | w) - KL(q || p(w))          never above ln p(D)";

#[derive(Debug, Args)]
pub(super) struct PosteriorArguments {
    /// The inputs x
    #[arg(long, value_name = "X", value_delimiter = ',', allow_hyphen_values = true, default_value = "0.5,1,1.5,2")]
    x: Vec<f64>,
    /// The targets y
    #[arg(
        long,
        value_name = "Y",
        value_delimiter = ',',
        allow_hyphen_values = true,
        default_value = "0.7,0.5,1.4,1.3"
    )]
    y: Vec<f64>,
    /// The deviation s of the noise
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    noise: f64,
    /// The deviation tau of the prior
    #[arg(long, default_value_t = 0.5, allow_negative_numbers = true)]
    prior_deviation: f64,
    /// The mean theta of q
    #[arg(long, default_value_t = 0.4, allow_negative_numbers = true)]
    theta: f64,
    /// The deviation sigma of q
    #[arg(long, default_value_t = 0.2, allow_negative_numbers = true)]
    sigma: f64,
    #[command(flatten)]
    figures: FigureOptions,
}

pub(super) fn command(arguments: &PosteriorArguments) -> Outcome {
    let PosteriorArguments { x, y, noise, prior_deviation: prior, theta, sigma, figures } = arguments;
    moderate("x", x)?;
    moderate("y", y)?;
    same_count("y", y, "x", x)?;
    [("noise", noise), ("prior-deviation", prior), ("sigma", sigma)]
        .iter()
        .try_for_each(|(name, v)| moderate_positive(name, **v))?;
    moderate("theta", &[*theta])?;
    let (noise2, prior2, sigma2) = (noise * noise, prior * prior, sigma * sigma);
    let xx: f64 = x.iter().map(|x| x * x).sum();
    let xy: f64 = x.iter().zip(y).map(|(x, y)| x * y).sum();
    let variance = 1.0 / (xx / noise2 + 1.0 / prior2);
    let mean = variance * xy / noise2;
    // Both logarithms are Gaussian integrals: of N(0, s²) over each y, and of the exponent's completed square over w.
    let constant = -0.5 * x.len() as f64 * (TAU * noise2).ln();
    let squares = |w: f64| x.iter().zip(y).map(|(x, y)| (y - w * x).powi(2)).sum::<f64>();
    let evidence = constant + 0.5 * (variance / prior2).ln() - 0.5 * (squares(mean) / noise2 + mean * mean / prior2);
    let fit = constant - 0.5 * (squares(*theta) + sigma2 * xx) / noise2;
    let to_prior = gaussian_kl(*theta, sigma2.ln(), 0.0, prior2.ln()).value;
    let to_posterior = gaussian_kl(*theta, sigma2.ln(), mean, variance.ln()).value;

    let figures = begin(EQUATIONS, figures)?;
    value("m, the mean of the posterior", mean)?;
    value("sqrt V, its deviation", variance.sqrt())?;
    value("E_q ln p(D | w), nats", fit)?;
    value("KL(q || p(w)), nats", to_prior)?;
    value("ELBO, nats", fit - to_prior)?;
    value("KL(q || p(w | D)), nats", to_posterior)?;
    value("their sum, nats", fit - to_prior + to_posterior)?;
    value("ln p(D), nats", evidence)?;

    let reach = 3.5 * prior.max(*sigma).min(2.0 * variance.sqrt().max(*sigma));
    let w = evenly(mean - reach, mean + reach, 301);
    // The likelihood as a density over w: N(Σxy/Σx², s²/Σx²), where any x is not 0.
    let likelihood = curve(&w, |w| if xx > 0.0 { density(w, xy / xx, noise2 / xx) } else { f64::NAN });
    let curves = vec![
        (TRUTH, curve(&w, |w| density(w, mean, variance))),
        (chart::line(4), curve(&w, |w| density(w, 0.0, prior2))),
        (chart::line(2), likelihood),
        (chart::line(0), curve(&w, |w| density(w, *theta, sigma2))),
    ];
    let names = ["posterior p(w | D)", "prior p(w)", "likelihood p(D | w), scaled", "approximation q(w)"];
    let highest = curves.iter().flat_map(|(_, points)| points).map(|(_, y)| *y);
    let plot = Plot {
        title: String::new(),
        x: ("w", Axis::linear(w.iter().copied())),
        y: ("density", Axis::linear(highest.chain([0.0]))),
        curves,
        levels: Vec::new(),
    };
    let entries = plot.curves.iter().map(|(paint, _)| *paint).zip(names).collect();
    let chart = Chart { heading: "One weight: prior, posterior, approximation", entries, plots: vec![plot] };
    figures.save(|| Ok([("posterior", chart::chart(&chart))]))?;
    Ok(ExitCode::SUCCESS)
}
