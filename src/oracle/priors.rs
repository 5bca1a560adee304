//! `spike-kl`, `kl`, `gaussian-kl`, `quantize`.

use super::options::Options;
use super::tensors::{Inputs, Outputs, Stored};
use crate::error::{Error, Result};
use crate::prior::quantizer::Quantizer;
use crate::prior::{Codebook, Form, KlGradient, MultiSpike, Prior};
use crate::scalar::WeightKl;
use crate::scalar::gaussian_kl::gaussian_kl as gaussian;
use crate::scalar::spike_kl::Spike;
use crate::scalar::spike_pieces;
use crate::simd::Vector;
use crate::tensor::sum::Sums;
use crate::way::Way;
use ndarray::{Array1, ArrayD, Ix1, Zip};

pub(super) const SPIKES: &[(&str, Spike)] = &Spike::NAMES;
pub(super) const FORMS: &[(&str, Form)] = &Form::NAMES;

pub(super) fn spike_kl<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let spike = options.choice("spike", SPIKES)?;
    let t = inputs.any("t")?;
    if let Some(odd) = t.iter().find(|t| **t < F::zero()) {
        return Err(Error::tensor("t", "numbers of at least 0", odd));
    }
    let both = t.mapv(|t| match options.way() {
        Way::Kernel if spike == Spike::Exact => {
            let (value, derivative) = spike_pieces::value_and_derivative(F::One::splat(t));
            (value.first(), derivative.first())
        }
        _ => spike.value_and_derivative(t),
    });
    Ok(Outputs::default().with("kl", &both.mapv(|both| both.0)).with("dkl_dt", &both.mapv(|both| both.1)))
}

pub(super) fn kl<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let (prior, codebook) = kl_options(inputs, options)?;
    let layer_prior = Prior::MultiSpike(prior.clone());
    let mut dlevels = Sums::new(codebook.levels().len());
    let kl = match options.way() {
        Way::Definition => {
            let weight_kl = prior.weight_kl(&codebook);
            each_weight(inputs, |theta, log_sigma2| weight_kl(theta, log_sigma2, dlevels.next_term()))?
        }
        Way::Kernel => each_weight(inputs, |theta, log_sigma2| {
            let (mut dtheta, mut dlog_sigma2) = ([F::zero()], [F::zero()]);
            let gradient = KlGradient {
                scale: F::one(),
                dtheta: &mut dtheta,
                dlog_sigma2: &mut dlog_sigma2,
                dlevels: dlevels.next_term(),
            };
            let value = layer_prior.add_kl(&[theta], &[log_sigma2], &codebook, gradient, Way::Kernel);
            WeightKl { value: F::of(value), dtheta: dtheta[0], dlog_sigma2: dlog_sigma2[0] }
        })?,
    };
    let dlevels: Array1<F> = dlevels.total().into_iter().map(F::of).collect();
    Ok(weight_outputs(&kl).with("dlevels", &dlevels))
}

/// The prior and the codebook that inputs and options give.
pub(super) fn kl_options<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<(MultiSpike, Codebook<F>)> {
    let codebook = codebook(inputs, "levels")?;
    let mut prior = MultiSpike::new(options.choice("prior", FORMS)?, options.choice("spike", SPIKES)?);
    if !options.text("window-ratio").is_empty() {
        prior.window_ratio = options.real_for("window-ratio", |ratio: F| ratio > F::zero())?;
    }
    check_used(&prior, inputs.get("level_weights").is_some(), options)?;
    prior.check(codebook.levels())?;
    Ok((prior, codebook))
}

/// Checks that the form depends on every input and option that is given.
fn check_used(prior: &MultiSpike, has_masses: bool, options: &Options) -> Result<()> {
    let (form, ratio) = (prior.form.name(), options.text("window-ratio"));
    let has_windows = matches!(prior.form, Form::Vnq | Form::Windows);
    if has_windows && has_masses {
        return Err(Error::tensor("level_weights", format!("none for --prior {form}, which has no masses"), "some"));
    }
    if !has_windows && !ratio.is_empty() {
        return Err(Error::option("window-ratio", format!("none for --prior {form}, which has no windows"), ratio));
    }
    check_spike(prior)
}

/// Checks that the form depends on the D that it is given.
pub(super) fn check_spike(prior: &MultiSpike) -> Result<()> {
    if prior.form == Form::Quadrature && prior.spike == Spike::Fit {
        return Err(Error::option("spike", "exact for --prior quadrature, which is no sum over spikes", "fit"));
    }
    Ok(())
}

pub(super) fn gaussian_kl<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let mean = options.real("prior-mean", |_| true)?;
    let prior_log_sigma2 = options.real("prior-log-sigma2", |_| true)?;
    let kl = each_weight(inputs, |theta, log_sigma2| gaussian(theta, log_sigma2, mean, prior_log_sigma2))?;
    Ok(weight_outputs(&kl))
}

pub(super) fn quantize<F: Stored>(inputs: &Inputs<F>, _: &Options) -> Result<Outputs> {
    let codebook = codebook(inputs, "levels")?;
    let quantizer = Quantizer::new(codebook.levels());
    let theta = inputs.any("theta")?;
    let indices: Vec<usize> = theta.iter().map(|theta| quantizer.index(*theta)).collect();
    Ok(Outputs::default()
        .with_indices("index", theta.shape(), &indices)
        .with("value", &theta.mapv(|theta| quantizer.value(theta)))
        .with_scalar::<F>("loss", quantizer.loss(theta.as_standard_layout().as_slice().unwrap_or_default())))
}

/// The codebook in tensor `name`, with `level_weights` if they are given.
pub(super) fn codebook<F: Stored>(inputs: &Inputs<F>, name: &str) -> Result<Codebook<F>> {
    let levels = inputs.array::<Ix1>(name)?.to_vec();
    let made = match inputs.get("level_weights") {
        Some(masses) => Codebook::with_level_weights(levels, masses.iter().copied().collect()),
        None => Codebook::new(levels),
    };
    made.map_err(|error| match error {
        Error::Option { option, expected, seen } if option == "level_weights" => Error::tensor(option, expected, seen),
        Error::Option { expected, seen, .. } => Error::tensor(name, expected, seen),
        other => other,
    })
}

fn each_weight<F: Stored>(
    inputs: &Inputs<F>,
    mut weight_kl: impl FnMut(F, F) -> WeightKl<F>,
) -> Result<ArrayD<WeightKl<F>>> {
    let (theta, log_sigma2) = (inputs.any("theta")?, inputs.any("log_sigma2")?);
    let mut kl = ArrayD::from_elem(theta.shape(), WeightKl::zero());
    Zip::from(&mut kl)
        .and(theta)
        .and(log_sigma2)
        .for_each(|kl, theta, log_sigma2| *kl = weight_kl(*theta, *log_sigma2));
    Ok(kl)
}

fn weight_outputs<F: Stored>(kl: &ArrayD<WeightKl<F>>) -> Outputs {
    Outputs::default()
        .with("kl", &kl.mapv(|kl| kl.value))
        .with("dtheta", &kl.mapv(|kl| kl.dtheta))
        .with("dlog_sigma2", &kl.mapv(|kl| kl.dlog_sigma2))
}
