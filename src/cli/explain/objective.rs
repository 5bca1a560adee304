//! `spikeslab explain objective`: a small network trained with several κ, and one layer's weights at five of its
//! epochs.

use super::example::{CodebookOption, Done, FigureOptions, begin, in_range, six};
use crate::cli::Outcome;
use crate::cli::output::line;
use crate::error::{Error, Result};
use crate::nets::{Description, Given, Network};
use crate::prior::Codebook;
use crate::report::axes::Axis;
use crate::report::chart::{self, Chart, MARK, Plot};
use crate::report::histogram::bin;
use crate::report::svg::{GREY, Paint};
use crate::train::data::Split;
use crate::train::data::mnist::embedded;
use crate::train::fit::Control;
use crate::train::projection::level_gap;
use crate::train::{EpochMetrics, Loss, Observer, Position, Recipe, Trainer, Training, fit};
use clap::Args;
use std::process::ExitCode;

pub(super) const HELP: &str = "\
The network has a dense layer of 32 outputs, batch normalization, ReLU and a dense layer of 10. It is \
trained on the 6,000 embedded images of MNIST and tested on 1,000 others; all else is as in `spikeslab train`.

Examples:
  spikeslab explain objective
  spikeslab explain objective --kl-weight 0,0.05,0.2,0.8 --epochs 20 --out figures";

const EQUATIONS: &str = "\
Chapter 6 of the course. A step lowers, over the images of a batch and the layers l of W_l weights,
  loss = NLL + kappa(e) sum_l KL_l/W_l        kappa(e) = kappa e/E at epoch e of E
  NLL  = mean over the training images of -ln p_label, with weights drawn from the posterior, nats
  KL_l = sum over the layer's weights of the form `nearest`, nats
The larger kappa, the nearer the weights come to their levels; a large kappa leaves the network less freedom to fit.";

#[derive(Debug, Args)]
pub(super) struct ObjectiveArguments {
    /// The weights kappa of the KL, one training for each
    #[arg(long, value_name = "KAPPA", value_delimiter = ',', default_value = "0,0.01,0.1,1,10")]
    kl_weight: Vec<f64>,
    /// Epochs of each training
    #[arg(long, default_value_t = 12)]
    epochs: u32,
    #[command(flatten)]
    levels: CodebookOption,
    /// Seed of the trainings
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    figures: FigureOptions,
}

const NETWORK: &str = "\
input 1x28x28
    flatten
fc1 dense 32
bn1 norm
    relu
fc2 dense classes bias
";

/// A training.
struct Trained {
    kl_weight: f64,
    /// The number of weights.
    weights: usize,
    /// The metrics of the last epoch.
    metrics: EpochMetrics,
    /// The accuracy after the last epoch, in percent, with mean and with quantized weights.
    mean: f64,
    quantized: f64,
    /// After each epoch, the first layer's θ and its levels.
    first_layer: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Trained {
    /// The share of weights at their level.
    fn at_level(&self) -> f64 {
        self.metrics.share_at_level.unwrap_or(0.0)
    }
}

/// Keeps the metrics of the last epoch, and the first layer after each epoch.
#[derive(Default)]
struct Watch {
    metrics: Option<EpochMetrics>,
    first_layer: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Observer<f32> for Watch {
    fn after_step(&mut self, _: &mut dyn Training<f32>, _: &Position, _: &Loss) -> Result<Control> {
        Ok(Control::Continue)
    }

    fn after_epoch(&mut self, trainer: &Trainer<f32>, _: &Position, metrics: EpochMetrics) -> Result<Control> {
        let values = |position: usize| trainer.network.slice(position).to_vec();
        self.first_layer
            .extend(trainer.network.layers().next().map(|layer| (values(layer.theta), values(layer.levels))));
        self.metrics = Some(metrics);
        Ok(Control::Continue)
    }
}

fn train(arguments: &ObjectiveArguments, codebook: &Codebook<f32>, data: &Split, kl_weight: f64) -> Result<Trained> {
    let ObjectiveArguments { epochs, seed, .. } = *arguments;
    let given = Given { classes: Some(data.train.classes()), ..Given::default() };
    let graph = Description::new("small.net", NETWORK).graph(given)?;
    let mut network = Network::new(graph, codebook);
    network.initialize(seed);
    let weights = network.weights();
    let level_gap = level_gap(codebook.levels());
    let recipe = Recipe { kl_weight, epochs, seed, level_gap, ..Recipe::default() };
    let mut trainer = Trainer::new(network, recipe, data.train.len())?;
    let mut watch = Watch::default();
    fit(&mut trainer, data, Position::default(), &mut watch)?;
    let metrics = watch.metrics.ok_or_else(|| Error::option("epochs", "at least 1", epochs))?;
    // After the last epoch the network is always evaluated.
    let [mean, quantized] =
        [metrics.accuracy_mean, metrics.accuracy_quantized].map(|accuracy| 100.0 * accuracy.unwrap_or(f64::NAN));
    Ok(Trained { kl_weight, weights, metrics, mean, quantized, first_layer: watch.first_layer })
}

pub(super) fn command(arguments: &ObjectiveArguments) -> Outcome {
    let ObjectiveArguments { kl_weight, epochs, figures, .. } = arguments;
    in_range("epochs", "1 to 200", f64::from(*epochs), |epochs| (1.0..=200.0).contains(&epochs))?;
    kl_weight.iter().try_for_each(|k| in_range("kl-weight", "finite numbers of at least 0", *k, |k| k >= 0.0))?;
    let levels = arguments.levels.codebook()?.levels().iter().map(|level| *level as f32).collect();
    let (codebook, data) = (Codebook::new(levels)?, embedded()?);
    let figures = begin(EQUATIONS, figures)?;
    line(&format!(
        "{:>8}{:>10}{:>14}{:>12}{:>12}{:>14}{:>12}",
        "kappa", "NLL", "KL a weight", "accuracy", "quantized", "quant. loss", "at levels"
    ))?;
    let mut all = Vec::new();
    for kl_weight in kl_weight {
        let trained = train(arguments, &codebook, &data, *kl_weight)?;
        row(&trained)?;
        all.push(trained);
    }
    line("")?;
    line("accuracy: of the mean weights, on the test images; quantized: of the weights replaced by their levels.")?;
    line(
        "quant. loss: the squared distance of the weights to their levels, summed. at levels: the share of weights nearer",
    )?;
    line("to their level than a quarter of the way to the next level or, beyond the outermost, to its neighbour.")?;
    // The figure shows the weights of the first training, in the order of `--kl-weight`, that brings nearly all of them
    // to their levels; of the last training if none does.
    let Some(shown) = all.iter().find(|trained| trained.at_level() > 0.99).or(all.last()) else {
        return Err(Error::option("kl-weight", "at least one number", "none").into());
    };
    figures.save(|| Ok([("kappa", kappas(&all)), ("epochs", five_epochs(shown))]))?;
    Ok(ExitCode::SUCCESS)
}

fn row(trained: &Trained) -> Done {
    let Trained { kl_weight, metrics, weights, mean, quantized, .. } = trained;
    line(&format!(
        "{kl_weight:>8}{:>10.4}{:>14.4}{mean:>11.1}%{quantized:>11.1}%{:>14}{:>11.1}%",
        metrics.nll,
        metrics.kl / *weights as f64,
        six(metrics.quantized_loss),
        100.0 * trained.at_level(),
    ))
}

/// Accuracy and quantized loss over κ; dashed, the training with κ = 0.
fn kappas(all: &[Trained]) -> String {
    let of = |f: fn(&Trained) -> f64| -> Vec<(f64, f64)> { all.iter().map(|t| (t.kl_weight, f(t))).collect() };
    let mean = of(|t| t.mean);
    let quantized = of(|t| t.quantized);
    let loss = of(|t| t.metrics.quantized_loss);
    let positive: Vec<f64> = all.iter().map(|t| t.kl_weight).filter(|k| *k > 0.0).collect();
    let axis = Axis::log10(positive.iter().copied());
    let (first, last) = axis.ends();
    let x = || ("κ, logarithmic", axis);
    // A curve over κ > 0, its points, and the value at κ = 0 as a dashed line.
    let drawn = |index: usize, values: &[(f64, f64)]| -> Vec<(Paint, Vec<(f64, f64)>)> {
        let (at_zero, above): (Vec<_>, Vec<_>) = values.iter().copied().partition(|(kl_weight, _)| *kl_weight == 0.0);
        let dashed = at_zero.first().map_or_else(Vec::new, |(_, y)| vec![(first, *y), (last, *y)]);
        vec![(chart::dashed(index), dashed), (chart::line(index), above.clone()), (chart::points(index), above)]
    };
    let accuracies = mean.iter().chain(&quantized).map(|(_, y)| *y);
    let plots = vec![
        Plot {
            title: "accuracy".to_string(),
            x: x(),
            y: ("percent", Axis::linear(accuracies.chain([100.0]))),
            curves: [drawn(1, &mean), drawn(0, &quantized)].concat(),
            levels: Vec::new(),
        },
        Plot {
            title: "quantized loss Σ(θ − Q(θ))²".to_string(),
            x: x(),
            y: ("logarithmic", Axis::log10(loss.iter().map(|(_, y)| *y))),
            curves: drawn(2, &loss),
            levels: Vec::new(),
        },
    ];
    let entries = vec![
        (chart::line(1), "mean weights"),
        (chart::line(0), "quantized weights"),
        (chart::line(2), "quantized loss"),
        (Paint::Dashed(GREY, 1.4), "κ = 0"),
    ];
    chart::chart(&Chart { heading: "What κ does to accuracy and to the distance from the levels", entries, plots })
}

/// Bins of the histograms.
const BINS: usize = 60;
/// The lower end of the histograms, in percent of the weights.
const LEAST: f64 = 0.02;
/// Epochs shown.
const EPOCHS: usize = 5;

/// Histograms of the first layer's θ after five epochs, evenly spaced, the first and the last among them.
fn five_epochs(trained: &Trained) -> String {
    let count = trained.first_layer.len();
    let shown = (0..EPOCHS.min(count)).map(|i| i * (count - 1) / (EPOCHS.min(count) - 1).max(1));
    let levels = || trained.first_layer.iter().flat_map(|(_, levels)| levels).map(|level| f64::from(*level));
    let reach = 1.5 * levels().fold(0.0, |most: f64, level| most.max(level.abs()));
    let plots = shown.map(|epoch| {
        let (theta, levels) = &trained.first_layer[epoch];
        // A bin without weights is drawn at the lower end.
        let share = |count: usize| (100.0 * count as f64 / theta.len() as f64).max(LEAST);
        let heights: Vec<f64> = bin(theta, -reach, reach, BINS).into_iter().map(share).collect();
        Plot {
            title: format!("after epoch {}", epoch + 1),
            x: ("θ", Axis::linear([-reach, reach])),
            y: ("% of weights, logarithmic", Axis::log10([LEAST, 100.0])),
            curves: vec![(chart::line(1), chart::bars(-reach, reach, &heights))],
            levels: levels.iter().map(|level| f64::from(*level)).collect(),
        }
    });
    let heading = format!("Weights of the first layer as κ rises to {}", trained.kl_weight);
    let entries = vec![(chart::line(1), "weights"), (MARK, "level")];
    chart::chart(&Chart { heading: &heading, entries, plots: plots.collect() })
}
