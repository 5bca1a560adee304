//! The tables that commands print.

use super::Failure;
use super::output::line;
use crate::packed::PackedModel;
use crate::packed::model::PackedLayer;
use crate::train::evaluate::Score;
use crate::train::projection::smallest_gap;

/// Prints accuracy and NLL with each kind of weights.
pub(super) fn scores(rows: &[(String, Score)]) -> Result<(), Failure> {
    line(&format!("{:<24}{:>10}{:>12}", "weights", "accuracy", "NLL, nats"))?;
    for (weights, score) in rows {
        line(&format!("{weights:<24}{:>9.2}%{:>12}", 100.0 * score.accuracy, number(score.nll)))?;
    }
    Ok(())
}

/// Prints the levels of each layer, with the share of the layer's weights at each level.
pub(super) fn layers(model: &PackedModel) -> Result<(), Failure> {
    let width = model.layers().iter().map(|layer| layer.name.len()).fold(12, usize::max);
    line(&format!("{:<width$}{:>10}{:>6}  {}", "layer", "weights", "bits", "levels (share of the weights)"))?;
    for layer in model.layers() {
        let bits = 8.0 * layer.code_bytes() as f64 / layer.weights() as f64;
        let row = format!("{:<width$}{:>10}{bits:>6.2}  {}", layer.name, layer.weights(), levels(layer));
        line(row.trim_end())?;
    }
    Ok(())
}

/// The most levels that are printed one by one.
const MOST_SHOWN: usize = 16;

fn levels(layer: &PackedLayer) -> String {
    if !layer.is_quantized() {
        return "unquantized".to_string();
    }
    if let ([first, .., last], true) = (layer.levels(), layer.levels().len() > MOST_SHOWN) {
        let used = layer.occupancy().iter().filter(|count| **count > 0).count();
        return format!("{} from {first:.4} to {last:.4}, of which weights use {used}", layer.levels().len());
    }
    let total = layer.weights().max(1) as f64;
    // Levels are printed with enough decimals that neighbouring levels look different.
    let gap = smallest_gap(layer.levels());
    let digits = if gap < 1e-3 { (1.0 - gap.log10()).ceil().min(12.0) as usize } else { 4 };
    let level = |(level, count): (&f32, &usize)| format!("{level:.digits$} ({:.1}%)", 100.0 * *count as f64 / total);
    layer.levels().iter().zip(&layer.occupancy()).map(level).collect::<Vec<_>>().join("  ")
}

/// Prints the bytes of the weights and of the whole model, in f32 and packed in `file_bytes`.
pub(super) fn bytes(model: &PackedModel, file_bytes: usize) -> Result<(), Failure> {
    let weights: usize = model.layers().iter().map(PackedLayer::weights).sum();
    let row = |what: &str, f32_bytes: usize, packed: usize| {
        let ratio = f32_bytes as f64 / packed as f64;
        line(&format!("{what:<24}{f32_bytes:>12}{packed:>12}{ratio:>8.1}x"))
    };
    line(&format!("{:<24}{:>12}{:>12}{:>9}", "bytes", "f32", "packed", "ratio"))?;
    row("weights", 4 * weights, model.weight_bytes())?;
    row("whole model", 4 * model.f32_parameters(), file_bytes)
}

/// The name of sampled weights in tables.
pub(super) fn sampled(draws: u32) -> String {
    format!("sampled, {draws} draws")
}

/// The line with the quantized loss that is printed under the scores.
pub(super) fn quantized_loss(loss: f64) -> String {
    format!("{:<24}{:>10}", "quantized loss", number(loss))
}

/// A number with four decimals or, if it would be too wide for a column, in powers of ten.
pub(super) fn number(value: f64) -> String {
    if value.abs() < 1e5 { format!("{value:.4}") } else { format!("{value:.3e}") }
}
