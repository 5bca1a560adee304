//! `spikeslab quantize`.

use super::output::line;
use super::requantize::Requantize;
use super::source::{
    check_data, check_none_of_run, check_other, load_run, own_data, packed, tell_rounded, training_images,
};
use super::threads::Threads;
use super::{Outcome, table};
use crate::files::write::check_replaceable;
use crate::nets::WeightMode;
use crate::packed::format;
use crate::train::data::load;
use crate::train::overwrite::check_may_write;
use crate::train::phase::refit_levels;
use crate::train::recalibrate::recalibrate;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spikeslab quantize runs/lenet5-1 --out lenet5.packed
  spikeslab quantize runs/densenet-1 --recalibrate --out densenet.packed
  spikeslab quantize runs/without-prior --kmeans 4 --out rounded.packed")]
pub(super) struct QuantizeArguments {
    /// Run directory
    run: PathBuf,
    /// The packed model's file, replaced if it exists
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    requantize: Requantize,
    /// Present path of the run's data, for --recalibrate; their checksum must match [default: their path in the run]
    #[arg(long, value_name = "PATH", requires = "recalibrate")]
    data: Option<PathBuf>,
}

pub(super) fn run(arguments: &QuantizeArguments) -> Outcome {
    Threads::default().run(|| command(arguments))
}

fn command(arguments: &QuantizeArguments) -> Outcome {
    check_replaceable(&arguments.out)?;
    check_may_write(Some(&arguments.run), &arguments.out)?;
    let (config, mut checkpoint) = load_run(&arguments.run)?;
    check_none_of_run(&config, &arguments.out)?;
    arguments.data.as_deref().map_or(Ok(()), |data| check_other(data, &arguments.out))?;
    match arguments.requantize.kmeans {
        Some(levels) => refit_levels(&mut checkpoint.network, levels.into())?,
        None => tell_rounded(&arguments.run, &config, &checkpoint),
    }
    if let Some(images) = arguments.requantize.recalibrate {
        let data = match &arguments.data {
            Some(path) => load(Some(path), config.coarse)?,
            None => own_data(&config, config.coarse)?,
        };
        check_data(&arguments.run, &config, &checkpoint, &data)?;
        let data = training_images(&config, data.train)?;
        let (images, network) = (images as usize, &checkpoint.network);
        checkpoint.network = recalibrate(network, &data, images, config.recipe.batch_size, &WeightMode::Quantized)?;
    }
    let model = packed(&config, &checkpoint.network);
    format::save(&arguments.out, &model)?;
    table::layers(&model)?;
    line("")?;
    table::bytes(&model, format::to_bytes(&model).len())?;
    Ok(ExitCode::SUCCESS)
}
