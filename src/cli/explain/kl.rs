//! `spikeslab explain kl`.

use crate::cli::Outcome;
use crate::cli::figures::{self, FigureFormats, save};
use crate::cli::output::line;
use crate::error::Error;
use crate::prior::multi_spike::zero_level;
use crate::prior::{Codebook, Form, MultiSpike};
use crate::report::kl_forms::{FormValues, kl_forms};
use crate::report::kl_funnels::{Grid, Surface, kl_funnels};
use crate::scalar::spike_kl::Spike;
use clap::Args;
use rayon::prelude::*;
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) const HELP: &str = "\
Writes kl-forms.svg and kl-funnels.svg and prints, for each form, the smallest, largest and mean absolute error against
quadrature over theta in [-range, range] and ln sigma^2 in -10, -8, ..., 0.

Examples:
  spikeslab explain kl --codebook=-0.2,0,0.2 --out kl
  spikeslab explain kl --codebook=-0.3,-0.1,0.1,0.3 --spike fit --out kl-fit";

#[derive(Debug, Args)]
pub(super) struct KlArguments {
    /// The levels, ascending
    #[arg(
        long,
        value_name = "LEVELS",
        value_delimiter = ',',
        allow_hyphen_values = true,
        default_value = "-0.2,0,0.2"
    )]
    codebook: Vec<f64>,
    /// KL to one spike: exact, or the published fit
    #[arg(long, value_enum, default_value = "exact")]
    spike: Spike,
    /// The largest |theta|
    #[arg(long, default_value_t = 0.6, allow_negative_numbers = true)]
    range: f64,
    /// Directory for the figures
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    figure_formats: FigureFormats,
}

/// The values of ln σ² in the table and in the panels.
const LOG_SIGMA2: [f64; 6] = [-10.0, -8.0, -6.0, -4.0, -2.0, 0.0];

pub(super) fn command(arguments: &KlArguments) -> Outcome {
    if !(arguments.range > 0.0 && arguments.range.is_finite()) {
        return Err(Error::option("range", "a positive number", arguments.range).into());
    }
    let formats = arguments.figure_formats.load()?;
    let codebook = Codebook::new(arguments.codebook.clone())?;
    let published = if zero_level(codebook.levels()).is_some() { Form::Vnq } else { Form::Windows };
    let forms = [Form::Quadrature, Form::Nearest, Form::Mixture, published];
    let names: Vec<&str> = forms.iter().map(|form| form.name()).collect();
    let kl = |form: Form, theta: &[f64], log_sigma2: f64| -> Vec<f64> {
        let prior = MultiSpike::new(form, arguments.spike);
        let weight_kl = prior.weight_kl(&codebook);
        let dlevels = vec![0.0; codebook.levels().len()];
        theta.par_iter().map(|theta| weight_kl(*theta, log_sigma2, &mut dlevels.clone()).value).collect()
    };
    let evenly = |count: usize| -> Vec<f64> {
        (0..count).map(|i| arguments.range * (2.0 * i as f64 / (count - 1) as f64 - 1.0)).collect()
    };

    let theta = evenly(301);
    let panels: Vec<FormValues> = LOG_SIGMA2
        .iter()
        .map(|&log_sigma2| FormValues {
            log_sigma2,
            kl: forms.iter().map(|form| kl(*form, &theta, log_sigma2)).collect(),
        })
        .collect();
    let grid = Grid { theta: evenly(155), log_sigma2: (0..85).map(|row| 1.0 - 11.0 * f64::from(row) / 84.0).collect() };
    let surfaces: Vec<Surface<'_>> = forms
        .iter()
        .map(|form| Surface {
            name: form.name(),
            kl: grid.log_sigma2.iter().flat_map(|log_sigma2| kl(*form, &grid.theta, *log_sigma2)).collect(),
        })
        .collect();
    save(&arguments.out, "kl-forms", &kl_forms(&names, &theta, codebook.levels(), &panels), &formats)?;
    save(&arguments.out, "kl-funnels", &kl_funnels(&grid, codebook.levels(), &surfaces), &formats)?;

    let theta = evenly(61);
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
        line(&format!("{form:<12}{smallest:>12.3}{largest:>12.3}{mean:>16.3}"))?;
    }
    let [forms, funnels] = ["kl-forms", "kl-funnels"].map(|name| figures::names(name, &formats));
    line(&format!("in {}: {forms}, {funnels}", arguments.out.display()))?;
    Ok(ExitCode::SUCCESS)
}
