//! `spikeslab eval`.

use super::device::{DeviceName, DeviceOption, scorer};
use super::output::{json, line};
use super::source::{Source, check_data, refit_levels, training_images};
use super::threads::Threads;
use super::training::SAMPLES;
use super::{Outcome, table};
use crate::error::{Error, Result};
use crate::layers::softmax_nll::log_softmax;
use crate::nets::{Graph, WeightMode};
use crate::train::data::{Dataset, directory};
use crate::train::evaluate::{Score, Weights, quantized_loss, score};
use crate::train::recalibrate::recalibrate;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
Accuracies are fractions in the JSON object; NLL is the mean negative log-likelihood in nats. A packed model has
quantized weights only: the other entries are null. Sampled weights average the softmax over the draws.

Examples:
  spikeslab eval runs/lenet5-1
  spikeslab eval runs/lenet5-1 --samples 100 --json
  spikeslab eval runs/lenet5-1/model.packed --data mnist
  spikeslab eval runs/densenet-1 --recalibrate            statistics estimated for the weights evaluated
  spikeslab eval runs/without-prior --kmeans 3            weights rounded to the levels of k-means")]
pub(super) struct EvalArguments {
    /// Run directory or packed model
    #[arg(value_name = "RUN|PACKED")]
    source: PathBuf,
    /// Directory with the files of a data set [default: the run's own data, which must be as they were; embedded images]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The coarse labels of CIFAR-100 [default: those of the run; fine labels]
    #[arg(long)]
    coarse: bool,
    /// Draws of the weights
    #[arg(
        long, value_name = "S", default_value_t = SAMPLES,
        value_parser = clap::value_parser!(u32).range(1..=100_000), allow_negative_numbers = true
    )]
    samples: u32,
    /// Quantize to the M levels of k-means on each layer's weights instead of the learned levels
    #[arg(
        long, value_name = "M",
        value_parser = clap::value_parser!(u16).range(2..=256), allow_negative_numbers = true
    )]
    kmeans: Option<u16>,
    /// Estimate the statistics of the normalizations anew, for mean and for quantized weights, over so many training images
    /// of the data [default: 4096]
    #[arg(
        long, value_name = "IMAGES", num_args = 0..=1, require_equals = true, default_missing_value = "4096",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    recalibrate: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOption,
    #[command(flatten)]
    threads: Threads,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Evaluation {
    accuracy_mean: Option<f64>,
    accuracy_sample: Option<f64>,
    accuracy_quantized: f64,
    nll_mean: Option<f64>,
    nll_sample: Option<f64>,
    nll_quantized: f64,
    quantized_loss: Option<f64>,
    n: usize,
}

pub(super) fn run(arguments: &EvalArguments) -> Outcome {
    arguments.threads.run(|| command(arguments))
}

fn command(arguments: &EvalArguments) -> Outcome {
    let gpu = arguments.device.device.open()?;
    let (scores, loss, images) = match Source::load(&arguments.source)? {
        Source::Run(config, mut checkpoint) => {
            let dir = arguments.data.as_deref().or(config.data.as_deref());
            let mut data = directory::load(dir, arguments.coarse || config.coarse)?;
            if let Some(levels) = arguments.kmeans {
                refit_levels(&mut checkpoint.network, levels.into())?;
            }
            let network = &checkpoint.network;
            check_images(&data.test, network.graph())?;
            if arguments.data.is_none() {
                check_data(&arguments.source, &config, &checkpoint, &data)?;
            }
            data.test.standardize(config.standardization.as_ref())?;
            let train = training_images(&config, data.train)?;
            let sampled = Weights::Sampled { samples: arguments.samples, seed: config.recipe.seed };
            let sample = scorer(gpu.as_ref(), network)?(&data.test, sampled)?;
            let score = |weights: Weights, mode: &WeightMode<'_, f32>| match arguments.recalibrate {
                None => scorer(gpu.as_ref(), network)?(&data.test, weights),
                Some(images) => {
                    let network = recalibrate(network, &train, images as usize, config.recipe.batch_size, mode)?;
                    scorer(gpu.as_ref(), &network)?(&data.test, weights)
                }
            };
            let mean = score(Weights::Mean, &WeightMode::Mean)?;
            let quantized = score(Weights::Quantized, &WeightMode::Quantized)?;
            ((Some(mean), Some(sample), quantized), Some(quantized_loss(network)), data.test.len())
        }
        Source::Packed(model) => {
            if arguments.kmeans.is_some() {
                return Err(Error::option("kmeans", "a run directory", "a packed model").into());
            }
            if arguments.recalibrate.is_some() {
                return Err(Error::option("recalibrate", "a run directory", "a packed model").into());
            }
            if arguments.device.device != DeviceName::Cpu {
                return Err(Error::option("device", "cpu for a packed model", "cuda").into());
            }
            // Not standardized here: the model does it.
            let data = directory::load(arguments.data.as_deref(), arguments.coarse)?;
            check_images(&data.test, model.graph())?;
            let quantized = score(&data.test, |_, x| Ok(log_softmax(model.predict(x)?)))?;
            ((None, None, quantized), None, data.test.len())
        }
    };
    let (mean, sample, quantized) = scores;
    if arguments.json {
        let evaluation = Evaluation {
            accuracy_mean: mean.map(|score| score.accuracy),
            accuracy_sample: sample.map(|score| score.accuracy),
            accuracy_quantized: quantized.accuracy,
            nll_mean: mean.map(|score| score.nll),
            nll_sample: sample.map(|score| score.nll),
            nll_quantized: quantized.nll,
            quantized_loss: loss,
            n: images,
        };
        json(&serde_json::to_string(&evaluation).expect("numbers"))?;
    } else {
        let named = |name: String, score: Option<Score>| score.map(|score| (name, score));
        let rows = [
            named("mean".into(), mean),
            named(table::sampled(arguments.samples), sample),
            named("quantized".into(), Some(quantized)),
        ];
        table::scores(&rows.into_iter().flatten().collect::<Vec<_>>())?;
        if let Some(loss) = loss {
            line(&table::quantized_loss(loss))?;
        }
        line(&format!("{images} test images"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check_images(data: &Dataset, graph: &Graph) -> Result<()> {
    if data.shape() != graph.input {
        let expected = format!("shape {:?}, as the model was trained on", graph.input);
        return Err(Error::tensor("images", expected, format!("{:?}", data.shape())));
    }
    if graph.classes() != data.classes() {
        let expected = format!("{} classes, as the model was trained on", graph.classes());
        return Err(Error::tensor("labels", expected, data.classes()));
    }
    Ok(())
}
