//! `spikeslab explain`.

mod check;
mod course;
mod kl;

use super::Outcome;
use super::threads::Threads;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  spikeslab explain --all --out course                    the course, as one page for any browser
  spikeslab explain kl --codebook=-0.2,0,0.2 --out kl     the forms of the KL against the truth
  spikeslab explain check spike-kl answer.py              an exercise of the course"
)]
pub(super) struct ExplainArguments {
    #[command(subcommand)]
    topic: Option<Topic>,
    /// The whole course, which derives everything the program computes
    #[arg(long, required = true)]
    all: bool,
    /// Directory for the page
    #[arg(long, value_name = "DIR", required = true)]
    out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Topic {
    /// Each form of the KL against the true KL: two figures and a table of errors
    #[command(after_help = kl::HELP)]
    Kl(kl::KlArguments),
    /// Tells a right answer to an exercise of the course from a wrong one
    #[command(after_help = check::HELP)]
    Check(check::CheckArguments),
}

pub(super) fn run(arguments: &ExplainArguments) -> Outcome {
    match &arguments.topic {
        Some(Topic::Kl(arguments)) => Threads::default().run(|| kl::command(arguments)),
        Some(Topic::Check(arguments)) => check::command(arguments),
        None => course::command(arguments.out.as_deref().expect("clap requires it")),
    }
}
