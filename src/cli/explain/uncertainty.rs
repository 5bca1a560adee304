//! `spikeslab explain uncertainty`: what the spread of the logits over draws of the weights says about a prediction.

use super::example::{FigureOptions, begin, columns, evenly, in_range, moderate, same_count, value};
use crate::cli::Outcome;
use crate::cli::output::{count, line};
use crate::error::{Error, Result};
use crate::report::axes::Axis;
use crate::report::chart::{self, Chart, Plot, TRUTH};
use crate::tensor::noise::Philox;
use crate::train::uncertainty::Predictions;
use clap::Args;
use ndarray::{Array2, Array3, Axis as Dimension};
use std::process::ExitCode;

pub(super) const HELP: &str = "\
Examples:
  spikeslab explain uncertainty
  spikeslab explain uncertainty --logits 2,2,0 --deviations 0,0,0     two classes, and no doubt about that
  spikeslab explain uncertainty --logits 2,0,0 --deviations 4,4,4     weights that disagree
  spikeslab explain uncertainty --label 2 --out figures";

const EQUATIONS: &str = "\
Chapter 8 of the course. For each of S draws of the weights, logits z_s and p_s = softmax(z_s):
  predicted        p = mean of p_s
  entropy          H[p] = -sum p ln p, all of the uncertainty
  expected entropy mean of H[p_s], what stays if the weights were known
  mutual information  H[p] - mean of H[p_s], what the draws disagree about; at least 0
  NLL              -ln p_label        Brier  sum over the classes of (p - 1 at the label)^2, from 0 to 2";

#[derive(Debug, Args)]
pub(super) struct UncertaintyArguments {
    /// The means of the logits
    #[arg(long, value_name = "Z", value_delimiter = ',', allow_hyphen_values = true, default_value = "2,1,0")]
    logits: Vec<f64>,
    /// Their deviations over draws of the weights
    #[arg(long, value_name = "S", value_delimiter = ',', allow_hyphen_values = true, default_value = "1,1.5,1")]
    deviations: Vec<f64>,
    /// The label, from 1
    #[arg(long, default_value_t = 1)]
    label: usize,
    /// Draws S
    #[arg(long, default_value_t = 10_000)]
    draws: usize,
    /// Seed of the draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    figures: FigureOptions,
}

pub(super) fn command(arguments: &UncertaintyArguments) -> Outcome {
    let UncertaintyArguments { logits, deviations, label, draws, seed, figures } = arguments;
    let classes = logits.len();
    moderate("logits", logits)?;
    same_count("deviations", deviations, "logits", logits)?;
    deviations
        .iter()
        .try_for_each(|d| in_range("deviations", "numbers from 0 to 1e6", *d, |d| (0.0..=1e6).contains(&d)))?;
    if classes < 2 {
        return Err(Error::option("logits", "a number for each of two or more classes", classes).into());
    }
    if !(1..=classes).contains(label) {
        return Err(Error::option("label", format!("1 to {classes}"), label).into());
    }
    if !(1..=10_000_000 / classes).contains(draws) {
        return Err(Error::option("draws", format!("1 to {}", 10_000_000 / classes), draws).into());
    }
    let noise: Array2<f64> = Philox::with_tensor_id(*seed, 0, 0).standard_normal((*draws, classes));
    let of = |scale: f64| predictions(logits, deviations, scale, &noise);
    let (drawn, at_mean) = (of(1.0)?, of(0.0)?);
    let figures = begin(EQUATIONS, figures)?;
    line(&format!("{:<44}{}", "class", columns((1..=classes).map(|class| class as f64))))?;
    line(&format!("{:<44}{}", "probability at the mean logits", probabilities(&at_mean)))?;
    line(&format!("{:<44}{}", format!("p, the mean of {}", count(*draws as u64, "draw")), probabilities(&drawn)))?;
    line("")?;
    value("entropy H[p], nats", drawn.entropy()[0])?;
    value("expected entropy, nats", drawn.expected_entropy()[0])?;
    value("mutual information, nats", drawn.mutual_information()[0])?;
    value("entropy at the mean logits, nats", at_mean.entropy()[0])?;
    value("NLL of the label, nats", drawn.nll(&[label - 1])?[0])?;
    value("  at the mean logits", at_mean.nll(&[label - 1])?[0])?;
    value("Brier score", drawn.brier(&[label - 1])?[0])?;
    value("  at the mean logits", at_mean.brier(&[label - 1])?[0])?;
    figures.save(|| Ok([("uncertainty", figure(of)?)]))?;
    Ok(ExitCode::SUCCESS)
}

/// The predictions for one image whose logits are drawn from N(z, (scale · deviation)²).
fn predictions(logits: &[f64], deviations: &[f64], scale: f64, noise: &Array2<f64>) -> Result<Predictions> {
    let mut drawn: Array3<f64> = noise.clone().insert_axis(Dimension(1));
    for mut draw in drawn.rows_mut() {
        for (k, z) in draw.iter_mut().enumerate() {
            *z = logits[k] + scale * deviations[k] * *z;
        }
    }
    Predictions::of_logits(drawn.view())
}

fn probabilities(predictions: &Predictions) -> String {
    columns(predictions.log_probabilities().row(0).iter().map(|log| log.exp()))
}

/// Entropy and its two parts by a factor of the logits' deviations.
fn figure(of: impl Fn(f64) -> Result<Predictions>) -> Result<String> {
    let scales = evenly(0.0, 4.0, 41);
    let each: Vec<Predictions> = scales.iter().map(|scale| of(*scale)).collect::<Result<_>>()?;
    let curve = |f: fn(&Predictions) -> Vec<f64>| scales.iter().copied().zip(each.iter().map(|p| f(p)[0])).collect();
    let curves: Vec<(_, Vec<(f64, f64)>)> = vec![
        (TRUTH, curve(Predictions::entropy)),
        (chart::line(1), curve(Predictions::expected_entropy)),
        (chart::line(0), curve(Predictions::mutual_information)),
    ];
    let y = Axis::linear(curves.iter().flat_map(|(_, points)| points).map(|(_, y)| *y).chain([0.0]));
    let x = ("the logits' deviations, times", Axis::linear(scales.iter().copied()));
    let entries =
        vec![(TRUTH, "entropy"), (chart::line(1), "expected entropy"), (chart::line(0), "mutual information")];
    let plot = Plot { title: String::new(), x, y: ("nats", y), curves, levels: Vec::new() };
    Ok(chart::chart(&Chart {
        heading: "Entropy and its two parts by the spread of the logits",
        entries,
        plots: vec![plot],
    }))
}
