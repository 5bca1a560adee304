//! The end of a training: the figures, the packed model, the result, the final tables, and what to try next.

use crate::cli::output::{count, line};
use crate::cli::{Failure, figures, table};
use crate::packed::{PackedModel, format};
use crate::prior::Prior;
use crate::prior::codebook::LEVELS;
use crate::report::formats::Formats;
use crate::report::{self, Accuracies, LayerPicture};
use crate::train::data::Split;
use crate::train::evaluate::{Weights, quantized_loss, share_at_levels};
use crate::train::fit::EpochMetrics;
use crate::train::objective::Forward;
use crate::train::recipe::{InitLevels, PriorName, Recipe};
use crate::train::{Run, RunResult, Trainer, Training};

/// Draws of the weights in the final table.
pub(in crate::cli) const SAMPLES: u32 = 10;

/// Writes the figures, the packed model and the result, and prints the final table. The trainer's network must be
/// current.
pub(super) fn finish(
    run: &Run,
    model: &PackedModel,
    training: &dyn Training<f32>,
    data: &Split,
    metrics: &[EpochMetrics],
    formats: &Formats,
) -> std::result::Result<(), Failure> {
    let network = &training.trainer().network;
    let values = |position: usize| network.slice(position);
    let pictures: Vec<LayerPicture<'_>> = report::pictured(network.graph())
        .into_iter()
        .map(|layer| LayerPicture {
            name: &layer.name,
            theta: values(layer.theta),
            log_sigma2: values(layer.log_sigma2),
            // An unquantized layer has levels that nothing is drawn to.
            levels: if layer.unquantized { &[] } else { values(layer.levels) },
        })
        .collect();
    let accuracies = Accuracies {
        mean: metrics.iter().map(|epoch| epoch.accuracy_mean).collect(),
        quantized: metrics.iter().map(|epoch| epoch.accuracy_quantized).collect(),
        nll: metrics.iter().map(|epoch| epoch.nll).collect(),
    };
    let losses: Vec<f64> = metrics.iter().map(|epoch| epoch.quantized_loss).collect();
    // Where there is no noise, ln σ² has no meaning: in an unquantized layer, and in a run without a posterior.
    let has_noise = training.trainer().recipe().prior.has_noise();
    let with_noise: Vec<LayerPicture<'_>> = pictures.iter().filter(|layer| !layer.levels.is_empty()).cloned().collect();
    let figures = [
        Some(("histogram", report::histogram(&pictures))),
        has_noise.then(|| ("funnel", report::funnel(&with_noise))),
        Some(("quantized-loss", report::quantized_loss(&losses))),
        Some(("accuracy", report::accuracy(&accuracies))),
    ];
    for (name, figure) in figures.into_iter().flatten() {
        run.write_figure(&formats.files(name, &figure)?)?;
    }
    let packed = format::checked_bytes(&Run::packed_path(run.dir()), model)?;
    run.write_packed(&packed)?;

    let recipe = training.trainer().recipe();
    let score = |weights| training.score(&data.test, weights);
    let mean = score(Weights::Mean)?;
    let sampled = has_noise.then(|| score(Weights::Sampled { samples: SAMPLES, seed: recipe.seed })).transpose()?;
    let quantized = score(Weights::Quantized)?;
    let loss = quantized_loss(network);
    run.write_result(&RunResult {
        epoch: recipe.epochs,
        n: data.test.len(),
        accuracy_mean: mean.accuracy,
        nll_mean: mean.nll,
        samples: sampled.map(|_| SAMPLES),
        accuracy_sample: sampled.map(|score| score.accuracy),
        nll_sample: sampled.map(|score| score.nll),
        accuracy_quantized: quantized.accuracy,
        nll_quantized: quantized.nll,
        quantized_loss: loss,
        packed_bytes: packed.len(),
    })?;
    line("")?;
    line(&format!("on {}:", count(data.test.len() as u64, "test image")))?;
    let sampled = sampled.map(|score| (table::sampled(SAMPLES), score));
    let [first, last] = [("mean", mean), ("quantized", quantized)].map(|(name, score)| Some((name.to_string(), score)));
    table::scores(&[first, sampled, last].into_iter().flatten().collect::<Vec<_>>())?;
    line(&table::quantized_loss(loss))?;
    line("")?;
    table::layers(model)?;
    line("")?;
    table::bytes(model, packed.len())?;
    line("")?;
    line(&format!(
        "in {}: metrics.jsonl, checkpoint.safetensors, model.packed, result.json, {}",
        run.dir().display(),
        figures::names("figures/*", formats)
    ))?;
    match advice(training.trainer(), data.train.len(), 100.0 * (mean.accuracy - quantized.accuracy)) {
        Some(advice) => line(&advice),
        None => Ok(()),
    }
}

/// The loss of accuracy by quantizing, in points, and the share of the weights that are not at a level, above which
/// advice is printed.
const NOTABLE_LOSS: f64 = 1.0;
const NOTABLE_SHARE: f64 = 0.02;
/// If κ ends below this share of `kl_weight`, that explains why weights are not at their levels.
const KL_SHARE: f64 = 0.9;

/// Advice for a run whose weights lose accuracy as they are quantized, or are not at their levels; `loss` is the
/// accuracy lost by quantizing, in points. `images` is the number of training images.
fn advice(trainer: &Trainer<f32>, images: usize, loss: f64) -> Option<String> {
    let recipe = trainer.recipe();
    let share = 1.0 - share_at_levels(&trainer.network);
    if !matches!(recipe.prior(), Prior::MultiSpike(_)) {
        let is_notable = recipe.forward == Forward::Sampled && loss > NOTABLE_LOSS;
        let advice = "no prior pulled the weights to levels: quantize --kmeans M fits levels to them";
        return is_notable.then(|| format!("quantizing costs {loss:.2} points of accuracy; {advice}"));
    }
    if loss <= NOTABLE_LOSS && share <= NOTABLE_SHARE {
        return None;
    }
    let costs = if loss > 0.0 { format!("quantizing costs {loss:.2} points of accuracy, and ") } else { String::new() };
    if share <= NOTABLE_SHARE {
        let levels = trainer.network.layers().map(|layer| trainer.network.slice(layer.levels).len()).max()?;
        // vnq needs a level at 0, which the default codebooks of odd numbers have; windows must not have one.
        let more = match recipe.prior {
            PriorName::Vnq => levels + 1 + levels % 2,
            PriorName::Windows => levels + 2 - levels % 2,
            _ => levels + 1,
        };
        let more = (more <= *LEVELS.end()).then(|| format!("more levels (--levels {more})"));
        let can_be_fitted = recipe.prior != PriorName::Vnq && recipe.init_levels == InitLevels::Given;
        let fitted =
            can_be_fitted.then(|| "levels that fit the weights (--warmup 0.8 --init-levels kmeans)".to_string());
        let ways: Vec<String> = more.into_iter().chain(fitted).collect();
        return (!ways.is_empty())
            .then(|| format!("{costs}the weights are at their levels: try {}", ways.join(" or ")));
    }
    let second_phase = f64::from(recipe.epochs) * (1.0 - recipe.warmup);
    let last = recipe.kl_weight_at(second_phase);
    if last < KL_SHARE * recipe.kl_weight {
        return Some(format!(
            "{costs}{:.1} % of the weights are not at a level, since κ rose only to {last:.1e} of {:?}: try --kl-warmup \
             {}",
            100.0 * share,
            recipe.kl_weight,
            second_phase as f32,
        ));
    }
    let stronger =
        if recipe.kl_weight > 0.0 { (5.0 * recipe.kl_weight) as f32 } else { Recipe::default().kl_weight as f32 };
    let stronger =
        if stronger.is_finite() { format!(", a stronger prior (--kl-weight {stronger})") } else { String::new() };
    // This prior needs a level at 0, which k-means does not give.
    let levels = if recipe.prior == PriorName::Vnq { "" } else { " --init-levels kmeans" };
    let two_phases = match recipe.warmup {
        0.0 => format!(" or two phases (--warmup 0.8 --forward hard{levels})"),
        _ => String::new(),
    };
    // A run of fewer epochs than the default is first of all short.
    let default = Recipe { epochs: Recipe::default().epochs, ..recipe.clone() }.with_enough_steps(images).epochs;
    Some(format!(
        "{costs}{:.1} % of the weights are not at a level: try more steps (--epochs {}){stronger}{two_phases}",
        100.0 * share,
        (2 * u64::from(recipe.epochs)).max(default.into()),
    ))
}
