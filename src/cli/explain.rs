//! `spikeslab explain`.

mod check;
mod course;
mod example;
mod gradients;
mod kl;
mod levels;
mod objective;
mod packing;
mod posterior;
mod quantizer;
mod reparameterization;
mod spike;
mod uncertainty;

use super::Outcome;
use super::threads::Threads;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  spikeslab explain --all --out course                    the course, as one page for any browser
  spikeslab explain spike --theta 0.19 --level 0.2        a topic, computed on numbers of your own
  spikeslab explain kl --codebook=-0.2,0,0.2 --out kl     a topic with its figures
  spikeslab explain check spike-kl answer.py              an exercise of the course"
)]
pub(super) struct ExplainArguments {
    #[command(subcommand)]
    topic: Option<Topic>,
    /// The whole course, which derives everything the program computes
    #[arg(long, required = true)]
    all: bool,
    /// Directory for the page, index.html, which is replaced if it exists
    #[arg(long, value_name = "DIR", required = true)]
    out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Topic {
    /// 1. Evidence, ELBO and posterior of one weight, exactly
    #[command(after_help = posterior::HELP)]
    Posterior(posterior::PosteriorArguments),
    /// 2. D(t), the divergence to one spike, in four ways, and its gradient
    #[command(after_help = spike::HELP)]
    Spike(spike::SpikeArguments),
    /// 3. Each form of the KL against the true KL
    #[command(after_help = kl::HELP)]
    Kl(kl::KlArguments),
    /// 4. Noise of an output in place of noise of its weights
    #[command(after_help = reparameterization::HELP)]
    Reparameterization(reparameterization::ReparameterizationArguments),
    /// 3. to 5. The gradient of an operation beside central differences
    #[command(after_help = gradients::HELP)]
    Gradients(gradients::GradientsArguments),
    /// 6. A small network, trained with several weights of the KL
    #[command(after_help = objective::HELP)]
    Objective(objective::ObjectiveArguments),
    /// 7. What pulls a weight to its level, and a level to its weights
    #[command(after_help = levels::HELP)]
    Levels(levels::LevelsArguments),
    /// 7. Weights replaced by their nearest levels, k-means, straight-through gradients
    #[command(after_help = quantizer::HELP)]
    Quantizer(quantizer::QuantizerArguments),
    /// 7. How many bytes the levels' indices take
    #[command(after_help = packing::HELP)]
    Packing(packing::PackingArguments),
    /// 8. Entropy, its two parts, NLL and Brier score of one prediction
    #[command(after_help = uncertainty::HELP)]
    Uncertainty(uncertainty::UncertaintyArguments),
    /// Tells a right answer to an exercise of the course from a wrong one
    #[command(after_help = check::HELP)]
    Check(check::CheckArguments),
}

pub(super) fn run(arguments: &ExplainArguments) -> Outcome {
    match &arguments.topic {
        Some(Topic::Posterior(arguments)) => posterior::command(arguments),
        Some(Topic::Spike(arguments)) => spike::command(arguments),
        Some(Topic::Kl(arguments)) => Threads::default().run(|| kl::command(arguments)),
        Some(Topic::Reparameterization(arguments)) => reparameterization::command(arguments),
        Some(Topic::Gradients(arguments)) => gradients::command(arguments),
        Some(Topic::Objective(arguments)) => Threads::default().run(|| objective::command(arguments)),
        Some(Topic::Levels(arguments)) => levels::command(arguments),
        Some(Topic::Quantizer(arguments)) => quantizer::command(arguments),
        Some(Topic::Packing(arguments)) => packing::command(arguments),
        Some(Topic::Uncertainty(arguments)) => uncertainty::command(arguments),
        Some(Topic::Check(arguments)) => check::command(arguments),
        None => course::command(arguments.out.as_deref().expect("clap requires it")),
    }
}
