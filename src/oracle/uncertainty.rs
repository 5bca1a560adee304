//! `uncertainty`.

use super::options::Options;
use super::tensors::{Inputs, Outputs, Stored};
use crate::error::Result;
use crate::train::uncertainty::detection::Detection;
use crate::train::uncertainty::{Detections, Predictions, Uncertainty};
use ndarray::{Array1, Ix3};

pub(super) fn uncertainty<F: Stored>(inputs: &Inputs<F>, _: &Options) -> Result<Outputs> {
    let predictions = Predictions::of_logits(inputs.array::<Ix3>("logits")?.view())?;
    let figures = Uncertainty::of(&predictions, &inputs.labels()?)?;
    let vector = |values: &[f64]| -> Array1<F> { values.iter().map(|value| F::of(*value)).collect() };
    let outputs = Outputs::default()
        .with("probabilities", &predictions.log_probabilities().mapv(|log| F::of(log.exp())))
        .with("entropy", &vector(&predictions.entropy()))
        .with("expected_entropy", &vector(&predictions.expected_entropy()))
        .with("mutual_information", &vector(&predictions.mutual_information()))
        .with_scalar::<F>("accuracy", figures.accuracy)
        .with_scalar::<F>("nll", figures.nll)
        .with_scalar::<F>("brier", figures.brier)
        .with_scalar::<F>("ece", figures.ece)
        .with_scalar::<F>("ece_equal_mass", figures.ece_equal_mass)
        .with_scalar::<F>("mce", figures.mce)
        .with_scalar::<F>("aurc", figures.aurc)
        .with("accuracy_at_coverage", &vector(&figures.accuracy_at));
    if inputs.get("other_logits").is_none() {
        return Ok(outputs);
    }
    let other = Predictions::of_logits(inputs.array::<Ix3>("other_logits")?.view())?;
    let of = Detections::of(&predictions, &other)?;
    let by_score = [of.maximum_probability, of.entropy, of.mutual_information];
    let figure = |figure: fn(&Detection) -> f64| vector(&by_score.each_ref().map(figure));
    Ok(outputs
        .with("other_entropy", &vector(&other.entropy()))
        .with("auroc", &figure(|of| of.auroc))
        .with("aupr_other", &figure(|of| of.aupr_other))
        .with("aupr_own", &figure(|of| of.aupr_own))
        .with("fpr_at_95_tpr", &figure(|of| of.fpr_at_95_tpr)))
}
