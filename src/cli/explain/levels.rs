//! `spikeslab explain levels`: what the prior pulls on: the weight, its variance, and each level.

use super::example::{CodebookOption, Done, FigureOptions, begin, columns, curve, evenly, in_range, moderate};
use crate::cli::Outcome;
use crate::cli::output::line;
use crate::prior::{Codebook, Form, MultiSpike};
use crate::report::axes::Axis;
use crate::report::chart::{self, Chart, MARK, Plot, TRUTH};
use crate::scalar::WeightKl;
use crate::scalar::spike_kl::{Spike, exact};
use clap::Args;
use std::process::ExitCode;

pub(super) const HELP: &str = "\
Examples:
  spikeslab explain levels
  spikeslab explain levels --theta 0.1 --log-sigma2=-8       between two levels
  spikeslab explain levels --codebook=-0.3,-0.1,0.1,0.3 --out figures";

const EQUATIONS: &str = "\
Chapters 3 and 7 of the course. One weight N(theta, sigma^2), M levels of masses a_k = 1/M, D_k = D((theta - level_k)^2/sigma^2):
  nearest   F = min_k (D_k - ln a_k)            the level of least D_k alone pulls
  mixture   F = -ln sum_k a_k exp(-D_k)         each level pulls by its responsibility r_k
            r_k = a_k exp(-D_k)/sum_j a_j exp(-D_j)
            dF/dtheta = sum_k r_k dD_k/dtheta   dF/dlevel_k = -r_k dD_k/dtheta
A step goes against the gradient: theta to its level, the level to theta. quadrature is the true KL.";

#[derive(Debug, Args)]
pub(super) struct LevelsArguments {
    #[command(flatten)]
    levels: CodebookOption,
    /// The mean theta of the weight
    #[arg(long, default_value_t = 0.13, allow_negative_numbers = true)]
    theta: f64,
    /// ln sigma^2 of the weight
    #[arg(long, default_value_t = -5.0, allow_negative_numbers = true)]
    log_sigma2: f64,
    #[command(flatten)]
    figures: FigureOptions,
}

const FORMS: [Form; 3] = [Form::Quadrature, Form::Nearest, Form::Mixture];

pub(super) fn command(arguments: &LevelsArguments) -> Outcome {
    let LevelsArguments { levels, theta, log_sigma2, figures } = arguments;
    let codebook = levels.codebook()?;
    moderate("theta", &[*theta])?;
    in_range("log-sigma2", "a number from -40 to 20", *log_sigma2, |v| (-40.0..=20.0).contains(&v))?;
    let figures = begin(EQUATIONS, figures)?;
    table(&codebook, *theta, *log_sigma2)?;
    figures.save(|| Ok([("levels", figure(&codebook, *log_sigma2))]))?;
    Ok(ExitCode::SUCCESS)
}

/// F of a form, its derivatives, and those with respect to the levels.
fn kl(form: Form, codebook: &Codebook<f64>, theta: f64, log_sigma2: f64) -> (WeightKl<f64>, Vec<f64>) {
    let mut dlevels = vec![0.0; codebook.levels().len()];
    let kl = MultiSpike::new(form, Spike::Exact).weight_kl(codebook)(theta, log_sigma2, &mut dlevels);
    (kl, dlevels)
}

/// a_k e^{−D_k} of each level, divided by their sum.
fn responsibilities(codebook: &Codebook<f64>, theta: f64, log_sigma2: f64) -> Vec<f64> {
    let costs = codebook.levels().iter().zip(codebook.level_weights());
    let costs = costs.map(|(level, a)| exact((theta - level).powi(2) / log_sigma2.exp()) - a.ln());
    let costs: Vec<f64> = costs.collect();
    let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
    let sum: f64 = costs.iter().map(|cost| (least - cost).exp()).sum();
    costs.iter().map(|cost| (least - cost).exp() / sum).collect()
}

fn table(codebook: &Codebook<f64>, theta: f64, log_sigma2: f64) -> Done {
    let levels = codebook.levels();
    line(&format!("{:<14}{}", "level", columns(levels.iter().copied())))?;
    let of_each = levels.iter().map(|level| exact((theta - level).powi(2) / log_sigma2.exp()));
    line(&format!("{:<14}{}", "D, nats", columns(of_each)))?;
    line(&format!("{:<14}{}", "r", columns(responsibilities(codebook, theta, log_sigma2))))?;
    line("")?;
    line(&format!("{:<14}{:>13}{:>13}{:>15}    {}", "", "F, nats", "dF/dtheta", "dF/dln sigma^2", "dF/dlevel"))?;
    for form in FORMS {
        let (kl, dlevels) = kl(form, codebook, theta, log_sigma2);
        let row = columns([kl.value, kl.dtheta]);
        line(&format!("{:<14}{row}{:>15}{}", form.name(), columns([kl.dlog_sigma2]).trim_start(), columns(dlevels)))?;
    }
    Ok(())
}

/// The pull on θ under each form, and the responsibilities, over θ.
fn figure(codebook: &Codebook<f64>, log_sigma2: f64) -> String {
    let levels = codebook.levels();
    let (low, high) = (levels[0], levels[levels.len() - 1]);
    let theta = evenly(low - 0.6 * (high - low) / 2.0, high + 0.6 * (high - low) / 2.0, 321);
    let pull = |form| curve(&theta, |theta| -kl(form, codebook, theta, log_sigma2).0.dtheta);
    let paints = [TRUTH, chart::line(0), chart::line(1)];
    let pulls: Vec<_> = paints.into_iter().zip(FORMS).map(|(paint, form)| (paint, pull(form))).collect();
    let shares = (0..levels.len())
        .map(|k| (chart::line(1), curve(&theta, |theta| responsibilities(codebook, theta, log_sigma2)[k])));
    let plot = |title: &str, y: &'static str, curves: Vec<(_, Vec<(f64, f64)>)>| {
        let ends = curves.iter().flat_map(|(_, points)| points).map(|(_, y)| *y).chain([0.0]);
        let y = (y, Axis::linear(ends));
        let x = ("θ", Axis::linear(theta.iter().copied()));
        Plot { title: title.to_string(), x, y, curves, levels: levels.to_vec() }
    };
    let shares = plot("responsibilities of the levels", "r", shares.collect());
    chart::chart(&Chart {
        heading: "The pull of the levels on a weight",
        entries: vec![
            (TRUTH, "quadrature, the true KL"),
            (chart::line(0), "nearest"),
            (chart::line(1), "mixture"),
            (MARK, "level"),
        ],
        plots: vec![plot("pull on θ, −∂F/∂θ", "nats per unit of θ", pulls), shares],
    })
}
