//! What `eval` prints: a table with a row for each figure of merit and a column for each kind of weights, or one JSON
//! object.

use super::super::output::{count, json, line};
use super::super::{Failure, table};
use super::kinds::{DataName, Evaluation, Kind, OfKind, Task};
use crate::train::uncertainty::detection::Detection;
use crate::train::uncertainty::{COVERAGES, Detections, Uncertainty};
use serde_json::{Value, json as value};

/// The name of a figure of merit, and its value for a kind of weights; none if the figure is not defined for it.
type Row<'a> = (String, Box<dyn Fn(&OfKind) -> Option<String> + 'a>);

fn row<'a>(name: impl Into<String>, text: impl Fn(&OfKind) -> String + 'a) -> Row<'a> {
    (name.into(), Box::new(move |of| Some(text(of))))
}

/// Prints the table, at most 80 columns wide.
pub(super) fn table(task: &Task<'_>, evaluation: &Evaluation, loss: Option<f64>) -> Result<(), Failure> {
    let kinds = &evaluation.kinds;
    let names = kinds.iter().map(|of| cell(of.kind, of.kind.name()));
    line(&format!("{:<NAMES$}{}", "weights", names.collect::<String>()))?;
    rows(kinds, &figures())?;
    if let Some(other) = &task.other {
        line("")?;
        line(&format!("{} of {}", count(other.test.len() as u64, "other image"), other.name))?;
        rows(kinds, &[row("entropy, nats", |of| four(of.other.as_ref().map(|other| mean(&other.0.entropy()))))])?;
        for (name, score) in SCORES {
            rows(kinds, &detection(name, score))?;
        }
    }
    line("")?;
    if let Some(loss) = loss {
        line(&table::quantized_loss(loss))?;
    }
    line(&task.model.to_string())?;
    line(&format!("{} of {}", count(task.test.len() as u64, "test image"), task.own))?;
    if kinds.iter().any(|of| of.kind.is_drawn()) {
        line(&format!("{} of the weights", count(task.samples, "draw")))?;
    }
    Ok(())
}

/// The width of the column of the figures' names.
const NAMES: usize = 32;

fn cell(kind: Kind, text: &str) -> String {
    let width = if kind == Kind::SampledMary { 15 } else { 11 };
    format!("{text:>width$}")
}

fn rows(kinds: &[OfKind], rows: &[Row<'_>]) -> Result<(), Failure> {
    for (name, text) in rows {
        let cells = kinds.iter().map(|of| cell(of.kind, text(of).as_deref().unwrap_or("-")));
        line(&format!("{name:<NAMES$}{}", cells.collect::<String>()))?;
    }
    Ok(())
}

fn percent(share: f64) -> String {
    format!("{:.2}%", 100.0 * share)
}

fn four(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_string(), table::number)
}

fn figures() -> Vec<Row<'static>> {
    let number = |name: &str, of_kind: fn(&Uncertainty) -> f64| {
        row(name, move |of: &OfKind| four(Some(of_kind(&of.uncertainty))))
    };
    let drawn = |name: &str, of_kind: fn(&Uncertainty) -> f64| {
        row(name, move |of: &OfKind| four(of.kind.is_drawn().then(|| of_kind(&of.uncertainty))))
    };
    let mut rows = vec![
        row("accuracy", |of| percent(of.uncertainty.accuracy)),
        number("NLL, nats", |of| of.nll),
        number("Brier score", |of| of.brier),
        number("ECE, bins of equal width", |of| of.ece),
        number("ECE, bins of equal mass", |of| of.ece_equal_mass),
        number("maximum calibration error", |of| of.mce),
        number("entropy, nats", |of| of.entropy),
        drawn("  expected entropy", |of| of.expected_entropy),
        drawn("  mutual information", |of| of.mutual_information),
        number("area under risk-coverage", |of| of.aurc),
    ];
    rows.extend(COVERAGES.into_iter().enumerate().map(|(i, coverage)| {
        row(format!("accuracy at {coverage} % coverage"), move |of| percent(of.uncertainty.accuracy_at[i]))
    }));
    rows
}

/// The detection with a score of the images; none for mutual information without draws.
type DetectionBy = fn(&OfKind) -> Option<Detection>;

const SCORES: [(&str, DetectionBy); 3] = [
    ("maximum probability", |of| detections(of).map(|of| of.maximum_probability)),
    ("entropy", |of| detections(of).map(|of| of.entropy)),
    ("mutual information", |of| of.kind.is_drawn().then(|| detections(of).map(|of| of.mutual_information)).flatten()),
];

fn detections(of: &OfKind) -> Option<Detections> {
    of.other.as_ref().map(|other| other.1)
}

fn detection(name: &'static str, score: DetectionBy) -> Vec<Row<'static>> {
    let number = |name: &str, of_score: fn(Detection) -> f64| row(name, move |of| four(score(of).map(of_score)));
    vec![
        number(&format!("AUROC by {name}"), |of| of.auroc),
        number("  AUPR, others positive", |of| of.aupr_other),
        number("  AUPR, test images positive", |of| of.aupr_own),
        number("  FPR at 95 % TPR", |of| of.fpr_at_95_tpr),
    ]
}

/// Prints the JSON object that `--help` describes.
pub(super) fn object(task: &Task<'_>, evaluation: &Evaluation, loss: Option<f64>) -> Result<(), Failure> {
    let of_kind = |kind: Kind| evaluation.kinds.iter().find(|of| of.kind == kind);
    let figure = |kind, of: fn(&Uncertainty) -> f64| of_kind(kind).map(|kind| of(&kind.uncertainty));
    let kinds = Kind::ALL.map(|kind| (kind.key().to_string(), of_kind(kind).map_or(Value::Null, uncertainty)));
    let ood = task.other.as_ref().map(|other| {
        let DataName { name, path } = &other.name;
        value!({"n": other.test.len(), "name": name, "path": path})
    });
    let object = value!({
        "network": task.model.network,
        "epoch": task.model.epochs.map(|(over, _)| over),
        "epochs": task.model.epochs.map(|(_, all)| all),
        "kmeans": task.model.kmeans,
        "recalibrated_images": task.model.recalibrated,
        "accuracy_mean": figure(Kind::Mean, |of| of.accuracy),
        "accuracy_sample": figure(Kind::Sampled, |of| of.accuracy),
        "accuracy_quantized": figure(Kind::Quantized, |of| of.accuracy),
        "nll_mean": figure(Kind::Mean, |of| of.nll),
        "nll_sample": figure(Kind::Sampled, |of| of.nll),
        "nll_quantized": figure(Kind::Quantized, |of| of.nll),
        "quantized_loss": loss,
        "n": task.test.len(),
        "data": {"name": task.own.name, "path": task.own.path},
        "samples": of_kind(Kind::Sampled).map(|_| task.samples),
        "uncertainty": Value::Object(kinds.into_iter().collect()),
        "ood": ood,
    });
    json(&object.to_string())
}

fn uncertainty(of: &OfKind) -> Value {
    let figures = &of.uncertainty;
    let drawn = |value: f64| of.kind.is_drawn().then_some(value);
    let mut object = value!({
        "accuracy": figures.accuracy,
        "nll": figures.nll,
        "brier": figures.brier,
        "ece": figures.ece,
        "ece_equal_mass": figures.ece_equal_mass,
        "mce": figures.mce,
        "entropy": figures.entropy,
        "expected_entropy": drawn(figures.expected_entropy),
        "mutual_information": drawn(figures.mutual_information),
        "aurc": figures.aurc,
        "ood": of.other.as_ref().map(|(other, _)| {
            let of_score = |detection: Detection| value!({
                "auroc": detection.auroc,
                "aupr_other": detection.aupr_other,
                "aupr_own": detection.aupr_own,
                "fpr_at_95_tpr": detection.fpr_at_95_tpr,
            });
            let [maximum_probability, entropy, mutual_information] = SCORES.map(|(_, score)| score(of).map(of_score));
            value!({
                "entropy": mean(&other.entropy()),
                "by_maximum_probability": maximum_probability,
                "by_entropy": entropy,
                "by_mutual_information": mutual_information,
            })
        }),
    });
    for (coverage, accuracy) in COVERAGES.into_iter().zip(figures.accuracy_at) {
        object[format!("accuracy_at_{coverage}")] = accuracy.into();
    }
    object
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
