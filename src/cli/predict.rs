//! `spikeslab predict`.

use super::output::{json, line};
use super::source::{Source, check_images, reads_coarse};
use super::threads::Threads;
use super::{Failure, Outcome};
use crate::error::{Error, Result};
use crate::escape::Escaped;
use crate::files::image;
use crate::layers::softmax_nll::log_softmax;
use crate::packed::{Executor, PackedModel};
use crate::train::data::{Dataset, load};
use crate::train::evaluate::BATCH;
use clap::Args;
use ndarray::{Array4, ArrayView1};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
Weights are quantized. An image is a file: a PNG or JPEG of any type; an array of NumPy (.npy) of whole numbers from 0 \
to 255 or of 0 and 1, or of floats from 0 to 1, or from 0 to 255 with one above 128, of shape (C, H, W), (H, W, C) or \
(H, W); or its bytes, channel by channel and row by row, in a file called .raw or .bin. It must have the model's \
shape: nothing is scaled or cropped. An image with transparent pixels is refused; a grey image and an RGB image with \
three equal channels are read alike. All files are read before the first line is printed: if one cannot be used, \
nothing is printed.

A line has the file, the class and its probability; a class's name that is another number than the class's own is in \
quotes. With --data it has the file of the image, or its number where a file holds many, and the label. --json prints \
an object a line: file, if there is one for each image; with --data image, its number, and label; class, name, \
probability; probabilities and logits of all classes.

Examples:
  spikeslab predict runs/lenet5-1 seven.png
  spikeslab predict lenet5.packed --top 3 *.png
  spikeslab predict lenet5.packed --data mnist --json > predictions.jsonl")]
pub(super) struct PredictArguments {
    /// Run directory or packed model
    #[arg(value_name = "RUN|PACKED")]
    source: PathBuf,
    /// Files of images
    #[arg(value_name = "IMAGE", required_unless_present = "data", conflicts_with = "data")]
    images: Vec<PathBuf>,
    /// Predict the test images of a data set, as for `train`
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// The coarse labels of CIFAR-100 [default: for a run its own choice; otherwise the fine labels]
    #[arg(long, requires = "data", conflicts_with = "images")]
    coarse: bool,
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
#[derive(Debug, Serialize)]
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
    logits: Vec<f32>,
}

pub(super) fn run(arguments: &PredictArguments) -> Outcome {
    arguments.threads.run(|| command(arguments))
}

fn command(arguments: &PredictArguments) -> Outcome {
    let source = Source::load(&arguments.source)?;
    source.tell_rounded(&arguments.source);
    let model = source.model();
    match &arguments.data {
        Some(dir) => {
            let coarse = match &source {
                Source::Run(config, _) => reads_coarse(config, dir, arguments.coarse)?,
                Source::Packed(_) => arguments.coarse,
            };
            let test = load(Some(dir), coarse)?.test;
            check_images(&test, model.graph(), model.trained_on.as_ref())?;
            of_data(arguments, &model, &test)?;
        }
        None => of_files(arguments, &model)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Predicts and prints the images of a data set.
fn of_data(arguments: &PredictArguments, model: &PackedModel, data: &Dataset) -> std::result::Result<(), Failure> {
    let executor = Executor::new(model);
    let names = model.class_names();
    let width = (0..data.classes()).map(|class| named(&names, class).chars().count()).max().unwrap_or(0);
    let shown = |image: usize| match data.file(image) {
        Some(path) => Escaped::whole(path.display()).to_string(),
        None => image.to_string(),
    };
    let longest = (0..data.len()).map(|image| shown(image).chars().count()).max().unwrap_or(0).max(6);
    let numbers: Vec<usize> = (0..data.len()).collect();
    for numbers in numbers.chunks(BATCH) {
        let (x, labels) = data.batch(numbers);
        for (prediction, (image, label)) in predict(&names, &executor, x)?.into_iter().zip(numbers.iter().zip(labels)) {
            let place = format!("{:<longest$}  label {:<width$}  ", shown(*image), named(&names, label));
            let file = data.file(*image).map(|path| path.display().to_string());
            let prediction = Prediction { file, image: Some(*image), label: Some(label), ..prediction };
            print(arguments, &names, &place, &prediction)?;
        }
    }
    Ok(())
}

/// Predicts and prints the images in files. All files are read before anything is printed.
fn of_files(arguments: &PredictArguments, model: &PackedModel) -> std::result::Result<(), Failure> {
    let [channels, height, width] = model.input();
    let read = |path: &PathBuf| image::read(path, model.input());
    let images = arguments.images.iter().map(read).collect::<Result<Vec<_>>>()?;
    let shown: Vec<String> = arguments.images.iter().map(|path| Escaped::whole(path.display()).to_string()).collect();
    let longest = shown.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let files = arguments.images.iter().zip(&shown).collect::<Vec<_>>();
    let (executor, names) = (Executor::new(model), model.class_names());
    for (files, images) in files.chunks(BATCH).zip(images.chunks(BATCH)) {
        let x = Array4::from_shape_vec((images.len(), channels, height, width), images.concat());
        let x = x.expect("images of the model's shape");
        for (prediction, (path, shown)) in predict(&names, &executor, x)?.into_iter().zip(files) {
            let prediction = Prediction { file: Some(path.display().to_string()), ..prediction };
            print(arguments, &names, &format!("{shown:<longest$}  "), &prediction)?;
        }
    }
    Ok(())
}

/// The predictions for images (B, C, H, W) of classes with these names.
fn predict(names: &[String], executor: &Executor<'_>, x: Array4<f32>) -> Result<Vec<Prediction>> {
    let logits = executor.predict(x)?;
    if let Some(odd) = logits.iter().find(|logit| !logit.is_finite()) {
        return Err(Error::tensor("logits", "finite numbers", odd));
    }
    let of_image = |logits: ArrayView1<'_, f32>| {
        let logits = logits.to_owned();
        let row = logits.mapv(f64::from).insert_axis(ndarray::Axis(0));
        let probabilities: Vec<f64> = log_softmax(row).into_iter().map(f64::exp).collect();
        let class = order(&probabilities)[0];
        let (name, probability) = (names[class].clone(), probabilities[class]);
        let logits = logits.to_vec();
        Prediction { file: None, image: None, label: None, class, name, probability, probabilities, logits }
    };
    Ok(logits.outer_iter().map(of_image).collect())
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
    line(&format!("{place}{}", classes.map(of_class).collect::<Vec<_>>().join("  ")))
}
