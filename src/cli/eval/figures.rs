//! `--figures`: pictures of the predictions of every kind of weights.

use super::kinds::{Evaluation, Kind, OfKind, Task};
use crate::cli::figures::save;
use crate::error::Result;
use crate::report::formats::Formats;
use crate::report::{
    Confusion, Entropies, Picture, Reliability, RiskCurve, confusion, contact_sheet, entropies, reliability,
    risk_coverage,
};
use crate::train::uncertainty::calibration;
use crate::train::uncertainty::selective::Ranking;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::path::Path;

/// Images on the contact sheet.
const LEAST_CERTAIN: usize = 16;
const MOST_CERTAIN: usize = 8;

/// Writes the figures into `dir`, which is created if it does not exist.
pub(super) fn write(dir: &Path, task: &Task<'_>, evaluation: &Evaluation, formats: &Formats) -> Result<()> {
    let other = task.other.as_ref().map_or("", |other| &other.name.name);
    let figures = [
        ("reliability", reliability(&each(evaluation, |of| of_bins(of, evaluation))?)),
        ("risk-coverage", risk_coverage(&each(evaluation, |of| of_risks(of, evaluation))?)),
        ("entropy", entropies(&each(evaluation, |of| Ok(of_entropy(of, task)))?, &task.own.name, other)),
        ("confusion", confusion(&each(evaluation, |of| Ok(of_classes(of, task, evaluation)))?)),
        ("images", sheet(task, evaluation)),
    ];
    figures.iter().try_for_each(|(name, svg)| save(dir, name, svg, formats))
}

fn each<T>(evaluation: &Evaluation, of: impl FnMut(&OfKind) -> Result<T>) -> Result<Vec<T>> {
    evaluation.kinds.iter().map(of).collect()
}

fn of_bins(of: &OfKind, evaluation: &Evaluation) -> Result<Reliability> {
    let right = of.predictions.right(&evaluation.labels)?;
    let bins = calibration::equal_width(&of.predictions.confidence(), &right)?;
    Ok(Reliability { name: of.kind.name().to_string(), bins })
}

fn of_risks(of: &OfKind, evaluation: &Evaluation) -> Result<RiskCurve> {
    let ranking = Ranking::new(&of.predictions.confidence(), &of.predictions.right(&evaluation.labels)?)?;
    Ok(RiskCurve { name: of.kind.name().to_string(), risks: ranking.risks(), area: ranking.area() })
}

fn of_entropy(of: &OfKind, task: &Task<'_>) -> Entropies {
    let other = of.other.as_ref().map(|(other, of)| (other.entropy(), of.entropy.auroc));
    Entropies { name: of.kind.name().to_string(), own: of.predictions.entropy(), other, classes: task.test.classes() }
}

fn of_classes(of: &OfKind, task: &Task<'_>, evaluation: &Evaluation) -> Confusion {
    Confusion::new(of.kind.name(), task.test.class_names(), &of.predictions.classes(), &evaluation.labels)
}

/// The contact sheet, ordered by the entropy of sampled weights or, without them, of the first kind of weights.
fn sheet(task: &Task<'_>, evaluation: &Evaluation) -> String {
    let Some(of) = evaluation.kinds.iter().find(|of| of.kind == Kind::Sampled).or(evaluation.kinds.first()) else {
        return contact_sheet("no", &[], &[], &[]);
    };
    let entropy = of.predictions.entropy();
    let mut order: Vec<usize> = (0..entropy.len()).collect();
    order.sort_by(|one, other| entropy[*other].total_cmp(&entropy[*one]));
    let picture = |i: &usize| Picture {
        address: address(task.test.pixels(*i), task.test.shape()),
        shape: task.test.shape(),
        label: evaluation.labels[*i],
        probabilities: of.predictions.log_probabilities().row(*i).iter().map(|log| log.exp()).collect(),
        entropy: entropy[*i],
    };
    let least: Vec<Picture> = order.iter().take(LEAST_CERTAIN).map(picture).collect();
    let most: Vec<Picture> = order.iter().rev().take(MOST_CERTAIN).map(picture).collect();
    contact_sheet(of.kind.name(), task.test.class_names(), &least, &most)
}

/// The `data:` URI of the PNG of an image, given as row-major bytes (C, H, W): in colour if it has three channels, else
/// its first channel in grey.
fn address(pixels: &[u8], [channels, height, width]: [usize; 3]) -> String {
    let (planes, colour) = if channels == 3 { (3, png::ColorType::Rgb) } else { (1, png::ColorType::Grayscale) };
    let plane = height * width;
    let by_pixel: Vec<u8> = (0..plane).flat_map(|at| (0..planes).map(move |c| pixels[c * plane + at])).collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(colour);
    let written = encoder.write_header().and_then(|mut image| image.write_image_data(&by_pixel));
    written.expect("an image of its size, into memory");
    format!("data:image/png;base64,{}", BASE64_STANDARD.encode(file))
}
