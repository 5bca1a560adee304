//! The multi-spike-and-slab prior of a layer: the form of its KL, and the D that the form uses.

use super::mixture::Mixture;
use super::nearest::Nearest;
use super::vnq::{self, Vnq};
use super::weight_form::WeightForm;
use super::windows::{self, Windows};
use super::{Codebook, Kl, Layer, quadrature};
use crate::error::{Error, Result};
use crate::scalar::spike_kl::Spike;
use crate::scalar::{Real, WeightKl};
use crate::way::Way;
use std::fmt;
use std::str::FromStr;

/// The form of the KL: see the [module](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Hard assignment.
    Nearest,
    /// Soft assignment.
    Mixture,
    /// The published form for codebooks with a zero level.
    Vnq,
    /// The published form for codebooks without a zero level.
    Windows,
    /// The true KL, always with D exact; slow.
    Quadrature,
}

impl Form {
    /// Each form and its name.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("nearest", Self::Nearest),
        ("mixture", Self::Mixture),
        ("vnq", Self::Vnq),
        ("windows", Self::Windows),
        ("quadrature", Self::Quadrature),
    ];

    /// The name of the form.
    pub fn name(self) -> &'static str {
        // `NAMES` is in the order of the enum.
        Self::NAMES[self as usize].0
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Form {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        let expected = || Error::option("prior", Self::NAMES.map(|(known, _)| known).join(", "), format!("{name:?}"));
        found.map(|(_, form)| *form).ok_or_else(expected)
    }
}

/// p(w) ∝ Σ_k a_k/|w − ℓ_k|, its KL in one of five forms.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiSpike {
    /// The form.
    pub form: Form,
    /// The D that `nearest`, `mixture`, `vnq` and `windows` are built on.
    pub spike: Spike,
    /// ρ of `vnq` and `windows`: the width of a level's window, divided by the level's distance from zero.
    pub window_ratio: f64,
}

impl MultiSpike {
    /// A form with its published window ratio.
    pub fn new(form: Form, spike: Spike) -> Self {
        let window_ratio = if form == Form::Windows { windows::WINDOW_RATIO } else { vnq::WINDOW_RATIO };
        Self { form, spike, window_ratio }
    }

    /// Checks that the form is defined for these levels.
    ///
    /// # Errors
    /// If `vnq` has no zero level, or `windows` has one.
    pub fn check<F: Real>(&self, levels: &[F]) -> Result<()> {
        match (self.form, zero_level(levels)) {
            (Form::Vnq, None) => Err(Error::option("prior vnq", "a codebook with a zero level", list(levels))),
            (Form::Windows, Some(_)) => {
                Err(Error::option("prior windows", "a codebook without a zero level", list(levels)))
            }
            _ => Ok(()),
        }
    }

    /// The KL of a layer's weights and its full gradient.
    ///
    /// # Panics
    /// If `theta` and `log_sigma2` differ in length, and under `vnq`, if the codebook has no zero level. Under
    /// `windows` a zero level has no window: it adds nothing to the KL. [`MultiSpike::check`] refuses both codebooks.
    pub fn kl<F: Real>(&self, theta: &[F], log_sigma2: &[F], codebook: &Codebook<F>) -> Kl<F> {
        Layer::kl(theta, log_sigma2, codebook, |layer| self.add_kl(layer))
    }

    /// As [`MultiSpike::kl`], but returns only the value in nats, and adds the gradient to that of `layer`.
    pub(super) fn add_kl<F: Real>(&self, layer: Layer<'_, F>) -> f64 {
        let codebook = layer.codebook;
        if layer.way == Way::Definition {
            return layer.sum_one_by_one(self.weight_kl(codebook));
        }
        let (levels, costs, ratio) = (codebook.levels(), &costs(codebook)[..], F::of(self.window_ratio));
        let (spike, zero) = (self.spike, self.zero(levels));
        match self.form {
            Form::Nearest => layer.sum_by_vectors(&Nearest::new(spike, levels, costs)),
            Form::Mixture => layer.sum_by_vectors(&Mixture { spike, levels, costs }),
            Form::Vnq => layer.sum_by_vectors(&Vnq { spike, levels, zero, ratio }),
            Form::Windows => layer.sum_by_vectors(&Windows { spike, levels, ratio }),
            Form::Quadrature => layer.sum_one_by_one(self.weight_kl(codebook)),
        }
    }

    /// The index of the zero level under `vnq`, which must have one; the other forms do not use it.
    fn zero<F: Real>(&self, levels: &[F]) -> usize {
        match self.form {
            Form::Vnq => zero_level(levels).expect("vnq needs a zero level"),
            _ => 0,
        }
    }

    /// The KL of one weight as a function of θ, ln σ² and the vector to which ∂F/∂ℓ is added.
    ///
    /// # Panics
    /// Under `vnq`, if the codebook has no zero level: see [`MultiSpike::check`].
    pub fn weight_kl<F: Real>(&self, codebook: &Codebook<F>) -> impl Fn(F, F, &mut [F]) -> WeightKl<F> + Sync {
        let levels = codebook.levels().to_vec();
        let costs = costs(codebook);
        let in_f64 = |values: &[F]| -> Vec<f64> { values.iter().map(|value| value.as_f64()).collect() };
        let (levels64, level_weights64) = (in_f64(&levels), in_f64(codebook.level_weights()));
        let (form, spike, zero, ratio) = (self.form, self.spike, self.zero(&levels), F::of(self.window_ratio));
        move |theta, log_sigma2, dlevels| {
            let (levels, costs) = (&levels[..], &costs[..]);
            match form {
                Form::Nearest => Nearest::new(spike, levels, costs).of_one(theta, log_sigma2, dlevels),
                Form::Mixture => Mixture { spike, levels, costs }.of_one(theta, log_sigma2, dlevels),
                Form::Vnq => Vnq { spike, levels, zero, ratio }.of_one(theta, log_sigma2, dlevels),
                Form::Windows => Windows { spike, levels, ratio }.of_one(theta, log_sigma2, dlevels),
                Form::Quadrature => {
                    let mut dlevels64 = vec![0.0; levels64.len()];
                    let kl = quadrature::quadrature(
                        theta.as_f64(),
                        log_sigma2.as_f64(),
                        &levels64,
                        &level_weights64,
                        &mut dlevels64,
                    );
                    dlevels.iter_mut().zip(dlevels64).for_each(|(sum, part)| *sum += F::of(part));
                    WeightKl { value: F::of(kl.value), dtheta: F::of(kl.dtheta), dlog_sigma2: F::of(kl.dlog_sigma2) }
                }
            }
        }
    }
}

/// −ln a_k.
pub(crate) fn costs<F: Real>(codebook: &Codebook<F>) -> Vec<F> {
    codebook.level_weights().iter().map(|mass| -mass.ln()).collect()
}

/// The index of the zero level, if there is one.
pub fn zero_level<F: Real>(levels: &[F]) -> Option<usize> {
    levels.iter().position(|level| level.is_zero())
}

fn list<F: Real>(levels: &[F]) -> String {
    levels.iter().map(|level| level.to_string()).collect::<Vec<_>>().join(", ")
}
