//! Normalization and ReLU of an image's channels, wherever a kernel reads them, and the backward of both. By definition
//! they are [`layers::batch_norm`](crate::layers::batch_norm) and [`layers::relu`](crate::layers::relu).
//!
//! ```text
//! x̂ = (x − μ) / √(s² + ε_n)        a = max(γ x̂ + β, 0)
//! g = da where a > 0, else 0     dγ = Σ g x̂      dβ = Σ g
//! dx, with μ and s² held:        dx += γ/√(s² + ε_n) · g
//! ```
//!
//! Where μ and s² are the batch's own, this dx does not include the gradient through μ and s². [`BatchTerm`] holds that
//! gradient with the opposite sign and is subtracted from dx. It is linear in dγ and dβ. All activations that normalize
//! a channel with the same statistics have the same formula for it, so they add their parts to one [`BatchTerm`], which
//! is subtracted once.
//!
//! ```text
//! dx −= γ/√(s² + ε_n) · (mean g + x̂ · mean(g x̂))
//! ```
//!
//! Shapes: x, dx, a, da (B, C, H, W), γ, β, μ, s² (C).

use crate::arrays::check_shape;
use crate::error::Result;
use crate::scalar::Real;
use crate::simd::{Kernel, Lane, MAX_LANES, Vector};
use crate::tensor::statistics::{CONTIGUOUS, Statistics};
use crate::tensor::sum::BLOCK;
use ndarray::{ArrayView1, ArrayView4, ArrayViewMut4, Axis, Zip, s};

/// Normalization and ReLU of each channel.
#[derive(Clone, Debug)]
pub struct Activation<F> {
    mean: Vec<F>,
    /// 1/√(s² + ε_n).
    inverse_deviation: Vec<F>,
    gamma: Vec<F>,
    beta: Vec<F>,
}

impl<F: Real> Activation<F> {
    /// Normalizes with the statistics of the first C channels; `statistics` may have more channels.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn new(
        gamma: ArrayView1<'_, F>,
        beta: ArrayView1<'_, F>,
        epsilon: F,
        statistics: &Statistics<F>,
    ) -> Result<Self> {
        let channels = gamma.len();
        check_shape("beta", &[channels], beta.shape())?;
        let seen = statistics.mean.len().min(statistics.variance.len());
        check_shape("statistics", &[channels], &[seen.min(channels)])?;
        let inverse = |variance: &F| (*variance + epsilon).sqrt().recip();
        Ok(Self {
            mean: statistics.mean.slice(s![..channels]).to_vec(),
            inverse_deviation: statistics.variance.slice(s![..channels]).map(inverse).to_vec(),
            gamma: gamma.to_vec(),
            beta: beta.to_vec(),
        })
    }

    /// C.
    pub fn channels(&self) -> usize {
        self.gamma.len()
    }

    /// Returns the function that maps x of a channel to a.
    pub(super) fn value(&self, channel: usize) -> impl Fn(F) -> F + use<F> {
        let (mean, inverse) = (self.mean[channel], self.inverse_deviation[channel]);
        let (gamma, beta) = (self.gamma[channel], self.beta[channel]);
        move |x| {
            let y = gamma * ((x - mean) * inverse) + beta;
            if y < F::zero() { F::zero() } else { y }
        }
    }

    /// The backward of a channel's `x`, from `da`: adds to `dx` and returns (dγ, dβ).
    #[inline(always)]
    pub(super) fn backward<'a>(&self, channel: usize, x: &'a [F], da: &'a [F], dx: &'a mut [F]) -> Backward<'a, F> {
        Backward {
            mean: self.mean[channel],
            inverse_deviation: self.inverse_deviation[channel],
            gamma: self.gamma[channel],
            beta: self.beta[channel],
            x,
            da,
            dx,
        }
    }
}

/// The backward of some pixels of one channel.
pub(super) struct Backward<'a, F> {
    mean: F,
    inverse_deviation: F,
    gamma: F,
    beta: F,
    x: &'a [F],
    da: &'a [F],
    dx: &'a mut [F],
}

impl<F: Real> Kernel<F> for Backward<'_, F> {
    type Output = (f64, f64);

    /// Returns (dγ, dβ), each formed with [`MAX_LANES`] running sums on every processor.
    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> (f64, f64) {
        /// The pixels whose products are summed in the working precision: see [`sum`](crate::tensor::sum).
        const PIXELS: usize = BLOCK * MAX_LANES;
        let norm = [V::splat(self.mean), V::splat(self.inverse_deviation), V::splat(self.gamma), V::splat(self.beta)];
        let blocks = self.x.chunks(PIXELS).zip(self.da.chunks(PIXELS)).zip(self.dx.chunks_mut(PIXELS));
        let mut sums = (0.0, 0.0);
        for ((x, da), dx) in blocks {
            let (dgamma, dbeta) = of_block(norm, x, da, dx);
            sums = (sums.0 + dgamma, sums.1 + dbeta);
        }
        sums
    }
}

/// The backward of a block of pixels; `norm` as in [`step`].
#[inline(always)]
fn of_block<V: Vector>(norm: [V; 4], x: &[V::Element], da: &[V::Element], dx: &mut [V::Element]) -> (f64, f64) {
    let (mut dgamma, mut dbeta) = ([V::zero(); VECTORS], [V::zero(); VECTORS]);
    let (mut x, mut da) = (x.chunks_exact(MAX_LANES), da.chunks_exact(MAX_LANES));
    let mut dx = dx.chunks_exact_mut(MAX_LANES);
    for ((x, da), dx) in (&mut x).zip(&mut da).zip(&mut dx) {
        step(norm, x, da, dx, &mut dgamma, &mut dbeta);
    }
    let (x, da, dx) = (x.remainder(), da.remainder(), dx.into_remainder());
    if x.is_empty() {
        return (total(dgamma), total(dbeta));
    }
    // The remaining pixels, padded with zeros to [`MAX_LANES`].
    let mut whole = [[V::Element::of(0.0); MAX_LANES]; 3];
    let parts = [x, da, dx];
    whole.iter_mut().zip(parts).for_each(|(whole, part)| whole[..part.len()].copy_from_slice(part));
    let [whole_x, whole_da, whole_dx] = &mut whole;
    step(norm, whole_x, whole_da, whole_dx, &mut dgamma, &mut dbeta);
    dx.copy_from_slice(&whole_dx[..dx.len()]);
    (total(dgamma), total(dbeta))
}

/// The most vectors that [`MAX_LANES`] numbers fill.
const VECTORS: usize = 4;

/// The backward of [`MAX_LANES`] pixels; `norm` is (mean, inverse deviation, γ, β).
#[inline(always)]
fn step<V: Vector>(
    [mean, inverse_deviation, gamma, beta]: [V; 4],
    x: &[V::Element],
    da: &[V::Element],
    dx: &mut [V::Element],
    dgamma: &mut [V; VECTORS],
    dbeta: &mut [V; VECTORS],
) {
    let scale = gamma.mul(inverse_deviation);
    for i in 0..MAX_LANES / V::LANES {
        let at = i * V::LANES;
        let x_hat = V::load(&x[at..]).sub(mean).mul(inverse_deviation);
        // a = max(γ x̂ + β, 0)
        let g = V::load(&da[at..]).where_positive(gamma.mul(x_hat).add(beta), V::zero());
        dbeta[i] = dbeta[i].add(g);
        dgamma[i] = dgamma[i].add(g.mul(x_hat));
        V::load(&dx[at..]).add(scale.mul(g)).store(&mut dx[at..]);
    }
}

/// The sum over all lanes.
#[inline(always)]
fn total<V: Vector>(sums: [V; VECTORS]) -> f64 {
    let mut lanes = [V::Element::of(0.0); MAX_LANES];
    for i in 0..MAX_LANES / V::LANES {
        sums[i].store(&mut lanes[i * V::LANES..]);
    }
    lanes.into_iter().map(V::Element::as_f64).sum()
}

/// Minus the gradient that flows into x through the batch's own μ and s², summed over the activations that normalize x,
/// per channel.
#[derive(Clone, Debug)]
pub struct BatchTerm<F> {
    mean: Vec<F>,
    inverse_deviation: Vec<F>,
    /// Σ γ/√(s² + ε_n) · mean g.
    constant: Vec<F>,
    /// Σ γ/√(s² + ε_n) · mean(g x̂).
    slope: Vec<F>,
}

impl<F: Real> BatchTerm<F> {
    /// A term of 0, for channels normalized with these statistics and ε.
    pub fn new(statistics: &Statistics<F>, epsilon: F) -> Self {
        let zeros = vec![F::zero(); statistics.mean.len()];
        Self {
            mean: statistics.mean.to_vec(),
            inverse_deviation: statistics.variance.iter().map(|s2| (*s2 + epsilon).sqrt().recip()).collect(),
            constant: zeros.clone(),
            slope: zeros,
        }
    }

    /// Adds the part of one activation, which normalizes the first channels. The activation's dγ and dβ are sums over
    /// `count` values per channel.
    pub fn add(
        &mut self,
        activation: &Activation<F>,
        dgamma: ArrayView1<'_, F>,
        dbeta: ArrayView1<'_, F>,
        count: usize,
    ) {
        let count = F::of(count as f64);
        for c in 0..activation.channels() {
            let scale = activation.gamma[c] * activation.inverse_deviation[c] / count;
            self.constant[c] += scale * dbeta[c];
            self.slope[c] += scale * dgamma[c];
        }
    }

    /// Subtracts the term from `dx`; `x` and `dx` (B, channels, H, W) hold the channels from `first` on.
    ///
    /// # Panics
    /// If `x` and `dx` differ in shape, or an image of either is not contiguous.
    pub fn subtract_from(&self, mut dx: ArrayViewMut4<'_, F>, first: usize, x: ArrayView4<'_, F>) {
        assert_eq!(dx.dim(), x.dim(), "dx has x's shape");
        let pixels = (dx.dim().2 * dx.dim().3).max(1);
        Zip::from(dx.axis_iter_mut(Axis(0))).and(x.axis_iter(Axis(0))).par_for_each(|mut dx, x| {
            let (dx, x) = (dx.as_slice_mut().expect(CONTIGUOUS), x.to_slice().expect(CONTIGUOUS));
            F::vectorize(Subtract { term: self, first, pixels, dx, x });
        });
    }

    /// Returns the function that maps x of a channel to the channel's term.
    #[inline(always)]
    pub(super) fn value(&self, channel: usize) -> impl Fn(F) -> F + use<F> {
        let (mean, inverse) = (self.mean[channel], self.inverse_deviation[channel]);
        let (constant, slope) = (self.constant[channel], self.slope[channel]);
        move |x| constant + (x - mean) * inverse * slope
    }
}

/// [`BatchTerm::subtract_from`] in one image of `pixels` pixels a channel.
struct Subtract<'a, F> {
    term: &'a BatchTerm<F>,
    first: usize,
    pixels: usize,
    dx: &'a mut [F],
    x: &'a [F],
}

impl<F: Real> Kernel<F> for Subtract<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let Self { term, first, pixels, dx, x } = self;
        for (c, (dx, x)) in (first..).zip(dx.chunks_exact_mut(pixels).zip(x.chunks_exact(pixels))) {
            let value = term.value(c);
            dx.iter_mut().zip(x).for_each(|(dx, x)| *dx -= value(*x));
        }
    }
}
