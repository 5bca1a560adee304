//! `spikeslab eval`.

mod figures;
mod kinds;
mod logits;
mod printed;

use super::device::{DeviceName, DeviceOption, predictions};
use super::figures::FigureFormats;
use super::output::note;
use super::requantize::Requantize;
use super::source::{
    Source, check_data, check_images, check_none_of_run, check_outside, data_at, data_for, in_channels, own_data,
    reads_coarse, training_images,
};
use super::threads::Threads;
use super::training::results::SAMPLES;
use super::{Failure, Outcome};
use crate::error::{Error, Result};
use crate::layers::check_shape;
use crate::nets::{Graph, WeightMode};
use crate::packed::Executor;
use crate::report::formats::Formats;
use crate::train::data::{Dataset, Split, load_images};
use crate::train::evaluate::{Sink, Weights, images_at_once, predictions_by, quantized_loss};
use crate::train::phase::refit_levels;
use crate::train::recalibrate::{images_used, recalibrate};
use crate::train::uncertainty::Predictions;
use clap::Args;
use kinds::{DataName, Evaluation, Kind, Model, Other, Task};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
Weights: mean; sampled, S networks drawn from the posterior, whose softmax is averaged; quantized; sampled M-ary, the \
same S networks with every weight rounded to its layer's nearest level. A run without a prior has no posterior to draw \
from: it has mean and quantized weights. A packed model has quantized weights only. With --recalibrate, running \
statistics are computed once with the mean weights and once with the quantized weights; sampled M-ary weights use the \
latter.

Table and figures are of the test images. Entropy = expected entropy + mutual information, in nats. The Brier score \
goes from 0 to 2. Calibration errors compare confidence and accuracy in 15 bins. Coverage is the share of the images \
that is answered, the most confident first.

With --ood, each of three scores (1 - confidence, entropy, mutual information) should be higher for the images of the \
other data set than for the test images. In AUROC, a tie counts as one half. AUPR is printed twice: with the other \
images as the positive class, and with the test images as the positive class. FPR at 95 % TPR is the share of the \
other images that are accepted where 95 % of the test images are.

--json prints one object:
  accuracy_K, nll_K     K = mean, sample, quantized: fractions and nats
  quantized_loss, n, samples
  network, epoch, epochs, kmeans, recalibrated_images
                        the model: the epochs over and in all, M of --kmeans, the
                        training images of which --recalibrate took statistics
  uncertainty.KIND      KIND = mean, sampled, quantized, sampled_m_ary:
                        accuracy, nll, brier, ece, ece_equal_mass, mce, entropy,
                        expected_entropy, mutual_information, aurc,
                        accuracy_at_80, accuracy_at_90, accuracy_at_95, ood
  uncertainty.KIND.ood  entropy; by_maximum_probability, by_entropy,
                        by_mutual_information, each of auroc, aupr_other,
                        aupr_own, fpr_at_95_tpr
  ood                   n, name, path
  data                  name and path of the test images' data set, null for those
                        in the program
null stands for weights that a packed model or a run without a prior lacks, for the epochs of a packed model, for \
expected entropy and mutual information without draws, and for what belongs to an option that is not given.

--save-logits writes F32 tensors (S, N, K) by the KIND of their weights: mean, sampled, quantized, sampled_m_ary, and \
those of --ood as other_mean, ...; and labels (N), I64.

--figures writes reliability, risk-coverage, entropy, confusion and images, each in every format.

Examples:
  spikeslab eval runs/lenet5-1
  spikeslab eval runs/lenet5-1 --samples 100 --json
  spikeslab eval runs/lenet5-1 --ood fashion --figures uncertainty
  spikeslab eval runs/lenet5-1 --save-logits logits.safetensors
  spikeslab eval runs/lenet5-1/model.packed --data mnist
  spikeslab eval runs/densenet-1 --recalibrate    running statistics of the weights evaluated
  spikeslab eval runs/without-prior --kmeans 3    weights rounded to k-means' levels")]
pub(super) struct EvalArguments {
    /// Run directory or packed model
    #[arg(value_name = "RUN|PACKED")]
    source: PathBuf,
    /// A data set, as for `train` or of test images alone [default: for a run its own data, which must be unchanged;
    /// for a packed model the embedded images]
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// The coarse labels of CIFAR-100 [default: for a run its own choice; otherwise the fine labels]
    #[arg(long)]
    coarse: bool,
    /// Report how well the images of another data set can be told apart from those of the data: its test images, or all
    /// its images where a folder or an .npz file has no test images. They have the same height and width; grey images
    /// and colour images of three equal channels are converted. Labels are not needed: a folder of PNG and JPEG files,
    /// an .npz file with x_test, or MNIST's file of test images is enough
    #[arg(long, value_name = "PATH")]
    ood: Option<PathBuf>,
    /// Number of draws of the weights [default: 10]
    #[arg(
        long, value_name = "S",
        value_parser = clap::value_parser!(u32).range(1..=100_000), allow_negative_numbers = true
    )]
    samples: Option<u32>,
    #[command(flatten)]
    requantize: Requantize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Directory for the figures, created if it does not exist; files of the same names are replaced
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    #[command(flatten)]
    figure_formats: FigureFormats,
    /// Write the logits of every draw to a safetensors file, replaced if it exists
    #[arg(long, value_name = "FILE")]
    save_logits: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceOption,
    #[command(flatten)]
    threads: Threads,
}

pub(super) fn run(arguments: &EvalArguments) -> Outcome {
    arguments.threads.run(|| command(arguments))
}

fn command(arguments: &EvalArguments) -> Outcome {
    if let Some(path) = &arguments.save_logits {
        let inputs = [Some(&arguments.source), arguments.data.as_ref(), arguments.ood.as_ref()];
        logits::check_place(path, &inputs.into_iter().flatten().map(PathBuf::as_path).collect::<Vec<_>>())?;
    }
    let gpu = arguments.device.device.open()?;
    arguments.figure_formats.check("figures", arguments.figures.is_some())?;
    let formats = arguments.figure_formats.load()?;
    // Checked before the evaluation, not when the figures are written.
    if let Some(dir) = arguments.figures.as_deref().filter(|dir| dir.exists() && !dir.is_dir()) {
        return Err(Error::file(dir, "a directory for the figures", "a file").into());
    }
    match Source::load(&arguments.source)? {
        Source::Run(config, mut checkpoint) => {
            arguments.save_logits.as_deref().map_or(Ok(()), |path| check_none_of_run(&config, path))?;
            check_figures(arguments, config.data.as_deref())?;
            let dir = arguments.data.as_deref().or(config.data.as_deref());
            let data = match &arguments.data {
                Some(path) => {
                    let coarse = reads_coarse(&config, path, arguments.coarse)?;
                    data_at(path, coarse, checkpoint.network.graph(), config.trained_on.as_ref())?
                }
                None => own_data(&config, arguments.coarse || config.coarse)?,
            };
            if let Some(levels) = arguments.requantize.kmeans {
                refit_levels(&mut checkpoint.network, levels.into())?;
            }
            let network = &checkpoint.network;
            check_images(&data.test, network.graph(), config.trained_on.as_ref())?;
            if arguments.data.is_none() {
                check_data(&arguments.source, &config, &checkpoint, &data)?;
            }
            let own = DataName::new(dir, &data);
            let Split { train, mut test, .. } = data;
            test.standardize(config.standardization.as_ref())?;
            let mut other = other(arguments, network.graph())?;
            if let Some(other) = &mut other {
                other.test.standardize(config.standardization.as_ref())?;
            }
            let mut model = Model {
                network: config.network.clone(),
                epochs: Some((checkpoint.position.epoch, config.recipe.epochs)),
                kmeans: arguments.requantize.kmeans,
                recalibrated: None,
            };
            let recalibrated = match arguments.requantize.recalibrate {
                None => None,
                Some(images) => {
                    if train.is_empty() {
                        return Err(
                            Error::option("recalibrate", "data with training images", "test images alone").into()
                        );
                    }
                    let train = training_images(&config, train)?;
                    let (images, batch_size) = (images as usize, config.recipe.batch_size);
                    model.recalibrated = Some(images_used(&train, images, batch_size));
                    let of = |mode| recalibrate(network, &train, images, batch_size, mode);
                    Some((of(&WeightMode::Mean)?, of(&WeightMode::Quantized)?))
                }
            };
            let (samples, seed) = (arguments.samples.unwrap_or(SAMPLES), config.recipe.seed);
            let predict = |kind: Kind, data: &Dataset, sink: &mut Sink<'_, f32>| {
                let (network, weights) = match (kind, &recalibrated) {
                    (Kind::Mean, of) => (of.as_ref().map(|of| &of.0), Weights::Mean),
                    (Kind::Sampled, _) => (None, Weights::Sampled { samples, seed }),
                    (Kind::Quantized, of) => (of.as_ref().map(|of| &of.1), Weights::Quantized),
                    (Kind::SampledMary, of) => (of.as_ref().map(|of| &of.1), Weights::SampledMary { samples, seed }),
                };
                predictions(gpu.as_ref(), network.unwrap_or(&checkpoint.network), data, weights, sink)
            };
            let loss = Some(quantized_loss(network));
            let kinds: &[Kind] = if config.recipe.prior.has_noise() {
                &Kind::ALL
            } else {
                note("a run without a prior has no posterior: no weights are drawn");
                &[Kind::Mean, Kind::Quantized]
            };
            let task = Task { model, kinds, samples, own, test, other };
            finish(arguments, &formats, &task, loss, &predict)
        }
        Source::Packed(model) => {
            for (option, is_given) in [
                ("kmeans", arguments.requantize.kmeans.is_some()),
                ("recalibrate", arguments.requantize.recalibrate.is_some()),
            ] {
                if is_given {
                    return Err(Error::option(option, "a run directory", "a packed model").into());
                }
            }
            if arguments.device.device != DeviceName::Cpu {
                return Err(Error::option("device", "cpu for a packed model", "cuda").into());
            }
            if arguments.samples.is_some() {
                note("a packed model has no posterior: --samples has no effect");
            }
            check_figures(arguments, None)?;
            // The images are not standardized here: the model does it.
            let data = data_for(&model, arguments.data.as_deref(), arguments.coarse)?;
            check_images(&data.test, model.graph(), model.trained_on.as_ref())?;
            let (own, test) = (DataName::new(arguments.data.as_deref(), &data), data.test);
            let other = other(arguments, model.graph())?;
            let (classes, batch_size) = (model.graph().classes(), images_at_once(model.graph()));
            let executor = Executor::new(&model);
            let predict = |_: Kind, data: &Dataset, sink: &mut Sink<'_, f32>| {
                predictions_by(data, classes, batch_size, 1, |_| Ok(Box::new(|x| executor.predict(x))), sink)
            };
            let network = model.name.clone();
            let task = Task {
                model: Model { network, epochs: None, kmeans: None, recalibrated: None },
                kinds: &[Kind::Quantized],
                samples: SAMPLES,
                own,
                test,
                other,
            };
            finish(arguments, &formats, &task, None, &predict)
        }
    }
}

/// Checks that the directory of the figures is not inside a data set of image files: the command's, or `own`, the
/// run's.
fn check_figures(arguments: &EvalArguments, own: Option<&Path>) -> Result<()> {
    let Some(figures) = &arguments.figures else { return Ok(()) };
    let given = [arguments.data.as_deref(), arguments.ood.as_deref(), own];
    given.into_iter().flatten().try_for_each(|data| check_outside(data, "figures", figures))
}

/// Computes the predictions of a kind of weights on a data set.
type Predict<'a> = dyn Fn(Kind, &Dataset, &mut Sink<'_, f32>) -> Result<Predictions> + 'a;

/// Evaluates, writes the files that the options name, and prints the figures of merit.
fn finish(
    arguments: &EvalArguments,
    formats: &Formats,
    task: &Task<'_>,
    loss: Option<f64>,
    predict: &Predict<'_>,
) -> Outcome {
    let evaluate = |sink: &mut Sink<'_, f32>| Evaluation::of(task, predict, sink);
    let evaluation = match &arguments.save_logits {
        None => evaluate(&mut |_| Ok(()))?,
        Some(path) => logits::save(path, task, evaluate)?,
    };
    if let Some(dir) = &arguments.figures {
        figures::write(dir, task, &evaluation, formats)?;
    }
    let printed: std::result::Result<(), Failure> = match arguments.json {
        true => printed::object(task, &evaluation, loss),
        false => printed::table(task, &evaluation, loss),
    };
    printed?;
    Ok(ExitCode::SUCCESS)
}

/// Loads the data set of `--ood`.
fn other(arguments: &EvalArguments, graph: &Graph) -> Result<Option<Other>> {
    let Some(path) = &arguments.ood else { return Ok(None) };
    let mut data = load_images(path)?;
    data.test = in_channels(data.test, graph);
    check_shape("images of --ood", &graph.input, &data.test.shape())?;
    Ok(Some(Other { name: DataName::new(Some(path), &data), test: data.test }))
}
