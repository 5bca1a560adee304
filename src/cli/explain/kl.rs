//! `spikeslab explain kl`.

use super::example::{CodebookOption, FigureOptions, begin, curve, evenly, moderate_positive};
use crate::cli::Outcome;
use crate::cli::output::line;
use crate::prior::multi_spike::zero_level;
use crate::prior::windows::window;
use crate::prior::{Form, MultiSpike, vnq, windows};
use crate::report::axes::Axis;
use crate::report::chart::{self, Chart, MARK, Plot, TRUTH};
use crate::report::kl_forms::{FormValues, kl_forms};
use crate::report::kl_funnels::{Mesh, Surface, kl_funnels};
use crate::scalar::spike_kl::Spike;
use crate::simd::{Lane, Vector};
use clap::Args;
use rayon::prelude::*;
use std::process::ExitCode;

pub(super) const HELP: &str = "\
Prints, for each form, the smallest, largest and mean absolute error against quadrature over 61 values \
of theta in [-range, range] and ln sigma^2 in -10, -8, ..., 0.

Examples:
  spikeslab explain kl
  spikeslab explain kl --codebook=-0.2,0,0.2 --out kl
  spikeslab explain kl --codebook=-0.3,-0.1,0.1,0.3 --spike fit --out kl-fit";

#[derive(Debug, Args)]
pub(super) struct KlArguments {
    #[command(flatten)]
    levels: CodebookOption,
    /// KL to one spike: exact, or the published fit
    #[arg(long, value_enum, default_value = "exact")]
    spike: Spike,
    /// The largest |theta|
    #[arg(long, default_value_t = 0.6, allow_negative_numbers = true)]
    range: f64,
    #[command(flatten)]
    figures: FigureOptions,
}

const EQUATIONS: &str = "\
Chapter 3 of the course. q(w) = N(theta, sigma^2), p(w) proportional to sum_k a_k/|w - level_k|, D_k = D((theta - level_k)^2/sigma^2):
  quadrature  F = -E_q ln sum_k a_k/|w - level_k| - ln sigma + (gamma + ln 2)/2, the true KL up to a constant
  mixture     F = -ln sum_k a_k exp(-D_k)          never below it
  nearest     F = min_k (D_k - ln a_k)             never below mixture
  vnq         F = sum of Omega_k D_k over the levels that are not 0 + (1 - sum Omega_k) D_zero, published
  windows     F = sum_k Omega_k D_k, published for codebooks without a zero level
              Omega_k = exp(-(theta - level_k)^2/(2 tau_k^2)), tau_k = 0.375 |level_k| (vnq), 0.15 |level_k| (windows)";

/// The values of ln σ² in the table and in the panels.
const LOG_SIGMA2: [f64; 6] = [-10.0, -8.0, -6.0, -4.0, -2.0, 0.0];

pub(super) fn command(arguments: &KlArguments) -> Outcome {
    moderate_positive("range", arguments.range)?;
    let codebook = arguments.levels.codebook()?;
    let published = if zero_level(codebook.levels()).is_some() { Form::Vnq } else { Form::Windows };
    let forms = [Form::Quadrature, Form::Nearest, Form::Mixture, published];
    let names: Vec<&str> = forms.iter().map(|form| form.name()).collect();
    let kl = |form: Form, theta: &[f64], log_sigma2: f64| -> Vec<f64> {
        let prior = MultiSpike::new(form, arguments.spike);
        let weight_kl = prior.weight_kl(&codebook);
        let dlevels = vec![0.0; codebook.levels().len()];
        theta.par_iter().map(|theta| weight_kl(*theta, log_sigma2, &mut dlevels.clone()).value).collect()
    };
    let over_range = |count: usize| evenly(-arguments.range, arguments.range, count);
    let figures = begin(EQUATIONS, &arguments.figures)?;
    let theta = over_range(61);
    let truth: Vec<Vec<f64>> = LOG_SIGMA2.iter().map(|at| kl(Form::Quadrature, &theta, *at)).collect();
    line("F less the true KL, nats a weight:")?;
    line(&format!("{:<12}{:>12}{:>12}{:>16}", "form", "smallest", "largest", "mean absolute"))?;
    for form in &forms[1..] {
        let errors: Vec<f64> = LOG_SIGMA2
            .iter()
            .zip(&truth)
            .flat_map(|(at, truth)| kl(*form, &theta, *at).into_iter().zip(truth).map(|(kl, truth)| kl - truth))
            .collect();
        let smallest = errors.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = errors.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mean = errors.iter().map(|error| error.abs()).sum::<f64>() / errors.len() as f64;
        line(&format!("{form:<12}{:>12.3}{:>12.3}{mean:>16.3}", smallest + 0.0, largest + 0.0))?;
    }
    figures.save(|| {
        let theta = over_range(301);
        let panels: Vec<FormValues> = LOG_SIGMA2
            .iter()
            .map(|&log_sigma2| FormValues {
                log_sigma2,
                kl: forms.iter().map(|form| kl(*form, &theta, log_sigma2)).collect(),
            })
            .collect();
        let mesh = Mesh {
            theta: over_range(155),
            log_sigma2: (0..85).map(|row| 1.0 - 11.0 * f64::from(row) / 84.0).collect(),
        };
        let surfaces: Vec<Surface<'_>> = forms
            .iter()
            .map(|form| Surface {
                name: form.name(),
                kl: mesh.log_sigma2.iter().flat_map(|log_sigma2| kl(*form, &mesh.theta, *log_sigma2)).collect(),
            })
            .collect();
        Ok([
            ("kl-forms", kl_forms(&names, &theta, codebook.levels(), &panels)),
            ("kl-funnels", kl_funnels(&mesh, codebook.levels(), &surfaces)),
            ("kl-windows", window_weights(&theta, codebook.levels())),
        ])
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The figure of the weights Ω_k of the published form: a curve for each level that is not 0, and a curve of the zero
/// level's weight, 1 − Σ Ω_k, or, in a codebook without a zero level, of Σ Ω_k.
fn window_weights(theta: &[f64], levels: &[f64]) -> String {
    let zero = zero_level(levels);
    let ratio = if zero.is_some() { vnq::WINDOW_RATIO } else { windows::WINDOW_RATIO };
    let one = <f64 as Lane>::One::splat;
    let omega = |theta: f64, level: f64| window(one(theta), one(level), one(ratio)).value.first();
    let nonzero: Vec<f64> = levels.iter().copied().filter(|level| *level != 0.0).collect();
    let sum = |theta: f64| nonzero.iter().map(|level| omega(theta, *level)).sum::<f64>();
    let (paint, name, rest) = match zero {
        Some(_) => (chart::line(0), "1 − Σ Ω, the weight of the zero level", curve(theta, |theta| 1.0 - sum(theta))),
        None => (TRUTH, "Σ Ω; where it is 0, no level pulls", curve(theta, sum)),
    };
    let each = nonzero.iter().map(|level| (chart::line(1), curve(theta, |theta| omega(theta, *level))));
    let curves: Vec<_> = std::iter::once((paint, rest)).chain(each).collect();
    let ends = curves.iter().flat_map(|(_, points)| points).map(|(_, y)| *y).chain([0.0, 1.0]);
    let y = ("weight", Axis::linear(ends));
    let x = ("θ", Axis::linear(theta.iter().copied()));
    let plot = Plot { title: String::new(), x, y, curves, levels: levels.to_vec() };
    let entries = vec![(chart::line(1), "Ω of each level that is not 0"), (paint, name), (MARK, "level")];
    chart::chart(&Chart { heading: "Weights of the levels in the published form", entries, plots: vec![plot] })
}
