//! `spikeslab inspect`.

use super::output::line;
use super::source::{Source, packed, run_of};
use super::threads::Threads;
use super::{Outcome, table};
use crate::packed::format;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
The column bits is the number of bits that the packed file takes for a layer's weights, divided by the number of these \
weights. The file codes the index of each weight's level in about as many bits as the entropy of these indices, and \
stores a table for the code, which takes a notable share in a small layer.

Examples:
  spikeslab inspect runs/lenet5-1
  spikeslab inspect runs/lenet5-1/model.packed")]
pub(super) struct InspectArguments {
    /// Run directory or packed model
    #[arg(value_name = "RUN|PACKED")]
    source: PathBuf,
}

pub(super) fn run(arguments: &InspectArguments) -> Outcome {
    Threads::default().run(|| command(arguments))
}

fn command(arguments: &InspectArguments) -> Outcome {
    let (what, model) = match Source::load(&arguments.source)? {
        Source::Run(config, checkpoint) => {
            let epochs = (checkpoint.position.epoch, config.recipe.epochs);
            (run_of(&config.network, epochs), packed(&config, &checkpoint.network))
        }
        Source::Packed(model) => (format!("packed {}", model.name), *model),
    };
    let [channels, height, width] = model.input();
    line(&format!("{what}, on images of {channels} x {height} x {width}"))?;
    if let Some(data) = &model.trained_on {
        line(&format!("trained on {}, {} classes: {}", data.name, data.classes.len(), data.classes.join(", ")))?;
    }
    line("")?;
    table::layers(&model)?;
    line("")?;
    table::bytes(&model, format::to_bytes(&model).len())?;
    Ok(ExitCode::SUCCESS)
}
