//! The multi-spike-and-slab prior over a layer: which form of its KL, with which D.

use super::spike::Sigma;
use super::{Codebook, Kl, Layer, mixture, nearest, quadrature, vnq, windows};
use crate::error::{Error, Result};
use crate::scalar::spike_kl::Spike;
use crate::scalar::{Real, WeightKl};

/// The form of the KL: see the [module](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Hard assignment.
    Nearest,
    /// Soft assignment.
    Mixture,
    /// The published form for codebooks with a zero level.
    Vnq,
    /// The published form for codebooks without one.
    Windows,
    /// The true KL, always with D exact; slow.
    Quadrature,
}

/// p(w) ∝ Σ_k a_k/|w − ℓ_k|, its KL in one of five forms.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiSpike {
    /// The form.
    pub form: Form,
    /// The D that `nearest`, `mixture`, `vnq` and `windows` are built on.
    pub spike: Spike,
    /// ρ of `vnq` and `windows`: the width of a level's window over its distance from zero.
    pub window_ratio: f64,
}

impl MultiSpike {
    /// A form with the window ratio it was published with.
    pub fn new(form: Form, spike: Spike) -> Self {
        let window_ratio = if form == Form::Windows { windows::WINDOW_RATIO } else { vnq::WINDOW_RATIO };
        Self { form, spike, window_ratio }
    }

    /// Checks that the form is defined for these levels.
    ///
    /// # Errors
    /// `vnq` needs a zero level, `windows` must not have one.
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
    /// If `theta` and `log_sigma2` differ in length, and under `vnq`, if the codebook has no zero level: see [`MultiSpike::check`].
    pub fn kl<F: Real>(&self, theta: &[F], log_sigma2: &[F], codebook: &Codebook<F>) -> Kl<F> {
        Layer::kl(theta, log_sigma2, codebook, |layer| self.add_kl(layer))
    }

    /// As [`MultiSpike::kl`], the value in nats alone; the gradient is added to another.
    pub(super) fn add_kl<F: Real>(&self, layer: Layer<'_, F>) -> f64 {
        let codebook = layer.codebook;
        let (levels, costs, ratio) = (codebook.levels(), &costs(codebook)[..], F::of(self.window_ratio));
        match (self.form, self.spike) {
            (Form::Nearest, Spike::Fit) if costs.iter().all(|cost| *cost == costs[0]) => {
                layer.sum_together(|| nearest::OfEqualCost { levels, costs })
            }
            (Form::Mixture, Spike::Fit) => layer.sum_together(|| mixture::OfFit::new(levels, costs)),
            (Form::Vnq, Spike::Fit) => {
                let zero = zero_level(levels).expect(NO_ZERO);
                layer.sum_together(|| vnq::OfFit { levels, zero, ratio })
            }
            (Form::Windows, Spike::Fit) => layer.sum_together(|| windows::OfFit { levels, ratio }),
            _ => layer.sum_over_weights(self.weight_kl(codebook)),
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
        let zero = match self.form {
            Form::Vnq => zero_level(&levels).expect(NO_ZERO),
            _ => 0,
        };
        let (form, spike, ratio) = (self.form, self.spike, F::of(self.window_ratio));
        move |theta, log_sigma2, dlevels| {
            let sigma = Sigma::new(log_sigma2);
            match form {
                Form::Nearest => nearest::nearest(spike, theta, sigma, &levels, &costs, dlevels),
                Form::Mixture => mixture::mixture(spike, theta, sigma, &levels, &costs, dlevels),
                Form::Vnq => vnq::vnq(spike, theta, sigma, &levels, zero, ratio, dlevels),
                Form::Windows => windows::windows(spike, theta, sigma, &levels, ratio, dlevels),
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

const NO_ZERO: &str = "vnq needs a zero level";

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
