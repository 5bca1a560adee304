//! `spikeslab predict`.

use super::output::{json, line};
use super::source::{Source, check_data, check_images, data_at, data_for, own_data, reads_coarse};
use super::threads::Threads;
use super::{Failure, Outcome};
use crate::error::{Error, Result};
use crate::escape::Escaped;
use crate::files::image;
use crate::layers::softmax_nll::log_softmax;
use crate::nets::{Network, WeightMode};
use crate::packed::{Executor, PackedModel};
use crate::train::data::{Dataset, Standardization};
use crate::train::draw::draw;
use crate::train::evaluate::images_at_once;
use crate::train::uncertainty::Accumulator;
use clap::Args;
use ndarray::{Array4, ArrayView1};
use serde::Serialize;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
Weights are quantized unless --mean or --samples is given. With --samples the probabilities are the mean over the S \
networks, and each line ends with the entropy of these probabilities and the part of it that is the mutual information \
of label and weights: how much the networks disagree; both in nats.

An image is a file: a PNG or JPEG of any type; an array of NumPy (.npy) of whole numbers from 0 \
to 255 or of 0 and 1, or of floats from 0 to 1, or from 0 to 255 with one above 128, of shape (C, H, W), (H, W, C) or \
(H, W); or its bytes, channel by channel and row by row, in a file called .raw or .bin. It must have the model's \
shape: nothing is scaled or cropped. An image with transparent pixels is refused; a grey image and an RGB image with \
three equal channels are read alike. All files are read before the first line is printed: if one cannot be used, \
nothing is printed.

A line has the file, the class and its probability; a class's name that is another number than the class's own is in \
quotes. With --data it has the file of the image, or its number where a file holds many, and the label. --json prints \
an object a line: file, if there is one for each image; with --data image, its number, and label; class, name, \
probability; probabilities and logits of all classes; with --samples, in place of the logits, entropy, \
expected_entropy and mutual_information.

Examples:
  spikeslab predict runs/lenet5-1
  spikeslab predict runs/lenet5-1 --samples 50 seven.png
  spikeslab predict lenet5.packed --top 3 *.png
  spikeslab predict lenet5.packed --data mnist --json > predictions.jsonl")]
pub(super) struct PredictArguments {
    /// Run directory or packed model
    #[arg(value_name = "RUN|PACKED")]
    source: PathBuf,
    /// Files of images [default: the test images of the data]
    #[arg(value_name = "IMAGE", conflicts_with = "data")]
    images: Vec<PathBuf>,
    /// Predict the test images of a data set, as for `train` or of test images alone [default: for a run its own data;
    /// for a packed model the embedded images]
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// The coarse labels of CIFAR-100 [default: for a run its own choice; otherwise the fine labels]
    #[arg(long, conflicts_with = "images")]
    coarse: bool,
    /// Predict with the mean weights of a run, in f32, instead of the quantized weights
    #[arg(long)]
    mean: bool,
    /// Predict with S networks drawn from the posterior of a run, and print how uncertain they are
    #[arg(
        long, value_name = "S", conflicts_with = "mean",
        value_parser = clap::value_parser!(u32).range(1..=100_000), allow_negative_numbers = true
    )]
    samples: Option<u32>,
    /// Print the K most probable classes of each image
    #[arg(
        long, value_name = "K", default_value_t = 1, conflicts_with = "json",
        value_parser = clap::value_parser!(u16).range(1..), allow_negative_numbers = true
    )]
    top: u16,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    threads: Threads,
}

/// The prediction for an image, as `--json` prints it.
#[derive(Clone, Debug, Default, Serialize)]
struct Prediction {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<usize>,
    class: usize,
    name: String,
    probability: f64,
    probabilities: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logits: Option<Vec<f32>>,
    #[serde(flatten)]
    uncertainty: Option<Uncertainty>,
}

/// How uncertain drawn networks are of an image's class, nats.
#[derive(Clone, Debug, Serialize)]
struct Uncertainty {
    entropy: f64,
    expected_entropy: f64,
    mutual_information: f64,
}

pub(super) fn run(arguments: &PredictArguments) -> Outcome {
    arguments.threads.run(|| command(arguments))
}

fn command(arguments: &PredictArguments) -> Outcome {
    let source = Source::load(&arguments.source)?;
    let model = model(arguments, &source)?;
    let drawn = drawn(arguments, &source)?;
    let predictor = match &drawn {
        Some(drawn) => Predictor::Drawn(drawn),
        None => Predictor::One(Executor::new(&model)),
    };
    if !arguments.images.is_empty() {
        of_files(arguments, &model, &predictor)?;
        return Ok(ExitCode::SUCCESS);
    }
    let data = match (&source, &arguments.data) {
        (Source::Run(config, _), Some(dir)) => {
            let coarse = reads_coarse(config, dir, arguments.coarse)?;
            data_at(dir, coarse, model.graph(), config.trained_on.as_ref())?
        }
        (Source::Run(config, _), None) => own_data(config, arguments.coarse || config.coarse)?,
        (Source::Packed(model), dir) => data_for(model, dir.as_deref(), arguments.coarse)?,
    };
    check_images(&data.test, model.graph(), model.trained_on.as_ref())?;
    if let (Source::Run(config, checkpoint), None) = (&source, &arguments.data) {
        check_data(&arguments.source, config, checkpoint, &data)?;
    }
    of_data(arguments, &model, &predictor, &data.test)?;
    Ok(ExitCode::SUCCESS)
}

/// The model that predicts: of quantized weights, or of the mean weights of `--mean`.
fn model(arguments: &PredictArguments, source: &Source) -> Result<PackedModel> {
    if arguments.mean {
        return source.mean_model().ok_or_else(|| Error::option("mean", "a run directory", "a packed model"));
    }
    if arguments.samples.is_none() {
        source.tell_rounded(&arguments.source);
    }
    Ok(source.model())
}

/// The networks of `--samples`, if it is given.
fn drawn<'a>(arguments: &PredictArguments, source: &'a Source) -> Result<Option<Drawn<'a>>> {
    let Some(samples) = arguments.samples else { return Ok(None) };
    match source {
        Source::Packed(_) => Err(Error::option("samples", "a run directory", "a packed model")),
        Source::Run(config, _) if !config.recipe.prior.has_noise() => {
            Err(Error::option("samples", "a run with a posterior", "one that was trained without a prior"))
        }
        Source::Run(config, checkpoint) => {
            let standardization = config.standardization.as_ref();
            Ok(Some(Drawn { network: &checkpoint.network, standardization, samples, seed: config.recipe.seed }))
        }
    }
}

/// Networks drawn from the posterior of `network`.
struct Drawn<'a> {
    network: &'a Network<f32>,
    standardization: Option<&'a Standardization>,
    samples: u32,
    seed: u64,
}

/// What predicts images: one network, or several drawn networks.
enum Predictor<'a> {
    One(Executor<'a>),
    Drawn(&'a Drawn<'a>),
}

impl Predictor<'_> {
    /// Predicts `images` images of classes with these names, and calls `show` with the number and the prediction of
    /// each. `batch` returns the images in a range (B, C, H, W), pixels in [0, 1], of which `at_once` are predicted
    /// together.
    fn each(
        &self,
        names: &[String],
        (images, at_once): (usize, usize),
        batch: &dyn Fn(Range<usize>) -> Array4<f32>,
        show: &mut dyn FnMut(usize, Prediction) -> std::result::Result<(), Failure>,
    ) -> std::result::Result<(), Failure> {
        let ranges = || (0..images).step_by(at_once).map(|first| first..images.min(first + at_once));
        match self {
            Self::One(executor) => ranges().try_for_each(|range| {
                let logits = executor.predict(batch(range.clone()))?;
                if let Some(odd) = logits.iter().find(|logit| !logit.is_finite()) {
                    return Err(Error::tensor("logits", "finite numbers", odd).into());
                }
                let log_probabilities = log_softmax(logits.mapv(f64::from));
                range.zip(log_probabilities.outer_iter().zip(logits.outer_iter())).try_for_each(|(i, (row, logits))| {
                    show(i, Prediction { logits: Some(logits.to_vec()), ..of_row(names, row) })
                })
            }),
            Self::Drawn(drawn) => {
                let mut sum = Accumulator::new(images, names.len());
                for number in 0..drawn.samples {
                    let network = draw(drawn.network, drawn.seed, number, false);
                    for range in ranges() {
                        let mut x = batch(range.clone());
                        if let Some(standardization) = drawn.standardization {
                            standardization.apply(&mut x);
                        }
                        sum.add(range.start, network.predict(x, &WeightMode::Mean)?.view())?;
                    }
                }
                let mean = sum.mean(drawn.samples);
                let (entropy, expected, mutual) = (mean.entropy(), mean.expected_entropy(), mean.mutual_information());
                mean.log_probabilities().outer_iter().enumerate().try_for_each(|(i, row)| {
                    let uncertainty = Uncertainty {
                        entropy: entropy[i],
                        expected_entropy: expected[i],
                        mutual_information: mutual[i],
                    };
                    show(i, Prediction { uncertainty: Some(uncertainty), ..of_row(names, row) })
                })
            }
        }
    }
}

/// The prediction for an image with these logarithms of its probabilities.
fn of_row(names: &[String], log_probabilities: ArrayView1<'_, f64>) -> Prediction {
    let probabilities: Vec<f64> = log_probabilities.iter().map(|log| log.exp()).collect();
    let class = order(&probabilities)[0];
    Prediction {
        class,
        name: names[class].clone(),
        probability: probabilities[class],
        probabilities,
        ..Prediction::default()
    }
}

/// Predicts and prints the images of a data set.
fn of_data(
    arguments: &PredictArguments,
    model: &PackedModel,
    predictor: &Predictor<'_>,
    data: &Dataset,
) -> std::result::Result<(), Failure> {
    let names = model.class_names();
    let width = (0..data.classes()).map(|class| named(&names, class).chars().count()).max().unwrap_or(0);
    let shown = |image: usize| match data.file(image) {
        Some(path) => Escaped::whole(path.display()).to_string(),
        None => image.to_string(),
    };
    let longest = (0..data.len()).map(|image| shown(image).chars().count()).max().unwrap_or(0).max(6);
    let batch = |range: Range<usize>| data.batch(&range.collect::<Vec<_>>()).0;
    predictor.each(&names, (data.len(), images_at_once(model.graph())), &batch, &mut |image, prediction| {
        let label = usize::from(data.labels()[image]);
        let place = format!("{:<longest$}  label {:<width$}  ", shown(image), named(&names, label));
        let file = data.file(image).map(|path| path.display().to_string());
        let prediction = Prediction { file, image: Some(image), label: Some(label), ..prediction };
        print(arguments, &names, &place, &prediction)
    })
}

/// Predicts and prints the images in files. All files are read before anything is printed.
fn of_files(
    arguments: &PredictArguments,
    model: &PackedModel,
    predictor: &Predictor<'_>,
) -> std::result::Result<(), Failure> {
    let [channels, height, width] = model.input();
    let read = |path: &PathBuf| image::read(path, model.input());
    let images = arguments.images.iter().map(read).collect::<Result<Vec<_>>>()?;
    let shown: Vec<String> = arguments.images.iter().map(|path| Escaped::whole(path.display()).to_string()).collect();
    let longest = shown.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let names = model.class_names();
    let batch = |range: Range<usize>| {
        let x = Array4::from_shape_vec((range.len(), channels, height, width), images[range].concat());
        x.expect("images of the model's shape")
    };
    predictor.each(&names, (images.len(), images_at_once(model.graph())), &batch, &mut |image, prediction| {
        let file = Some(arguments.images[image].display().to_string());
        let place = format!("{:<longest$}  ", shown[image]);
        print(arguments, &names, &place, &Prediction { file, ..prediction })
    })
}

/// The classes, the most probable first; classes with equal probabilities in the order of their numbers.
fn order(probabilities: &[f64]) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..probabilities.len()).collect();
    classes.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
    classes
}

/// A class's number, and its name if that is not just the number; in quotes if it is another number.
fn named(names: &[String], class: usize) -> String {
    let name = &names[class];
    match name.parse::<f64>() {
        Ok(_) if *name == class.to_string() => name.clone(),
        Ok(_) => format!("{class} {name:?}"),
        Err(_) => format!("{class} {name}"),
    }
}

/// Prints a prediction after `place`, which names its image.
fn print(
    arguments: &PredictArguments,
    names: &[String],
    place: &str,
    prediction: &Prediction,
) -> std::result::Result<(), Failure> {
    if arguments.json {
        return json(&serde_json::to_string(prediction).expect("numbers and text"));
    }
    let classes = order(&prediction.probabilities).into_iter().take(arguments.top.into());
    let of_class = |class: usize| format!("{} {:.4}", named(names, class), prediction.probabilities[class]);
    let uncertainty = prediction.uncertainty.as_ref().map_or_else(String::new, |of| {
        format!("  entropy {:.4}  mutual information {:.4}", of.entropy, of.mutual_information)
    });
    line(&format!("{place}{}{uncertainty}", classes.map(of_class).collect::<Vec<_>>().join("  ")))
}
