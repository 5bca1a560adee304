use crate::normal;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use spikeslab::prior::kmeans::kmeans;
use spikeslab::prior::quantizer::Quantizer;
use spikeslab::prior::{Codebook, Form, Gaussian, MultiSpike, Prior};
use spikeslab::scalar::Real;
use spikeslab::scalar::spike_kl::Spike;
use spikeslab::simd::{Kernel, Vector};

const WEIGHTS: usize = 1 << 16;
const LEVELS: [usize; 4] = [2, 3, 4, 16];

/// Computes D and D′ of each `t`, with the vectors of this processor.
struct OfEach<'a, F> {
    spike: Spike,
    t: &'a [F],
    values: &'a mut [F],
    derivatives: &'a mut [F],
}

impl<F: Real> Kernel<F> for OfEach<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        for start in (0..self.t.len()).step_by(V::LANES) {
            let (value, derivative) = self.spike.of_each(V::load(&self.t[start..]));
            value.store(&mut self.values[start..]);
            derivative.store(&mut self.derivatives[start..]);
        }
    }
}

#[divan::bench(types = [f32, f64], args = ["fit", "exact"])]
fn spike_kl<F: Real>(bencher: Bencher<'_, '_>, spike: &str) {
    let spike = if spike == "fit" { Spike::Fit } else { Spike::Exact };
    let scattered = (0..WEIGHTS).map(|i| (i * 7919 % WEIGHTS) as f64 / WEIGHTS as f64);
    let t: Vec<F> = scattered.map(|share| F::of((30.0 * share - 12.0).exp())).collect();
    let [mut values, mut derivatives] = [(); 2].map(|()| vec![F::zero(); WEIGHTS]);
    bencher.counter(ItemsCount::new(WEIGHTS)).bench_local(|| {
        F::vectorize(OfEach { spike, t: black_box(&t), values: &mut values, derivatives: &mut derivatives });
    });
}

/// Measures the KL of `weights` weights and its gradients.
fn kl(bencher: Bencher<'_, '_>, prior: &Prior, levels: usize, weights: usize) {
    kl_of(bencher, prior, &Codebook::symmetric(levels).expect("levels in range"), weights);
}

fn kl_of(bencher: Bencher<'_, '_>, prior: &Prior, codebook: &Codebook<f32>, weights: usize) {
    let theta = (0.1 * normal(weights)).to_vec();
    let log_sigma2 = vec![-8.0; weights];
    bencher.counter(ItemsCount::new(weights)).bench(|| prior.kl(black_box(&theta), &log_sigma2, codebook));
}

fn multi_spike(form: Form, spike: Spike) -> Prior {
    Prior::MultiSpike(MultiSpike::new(form, spike))
}

#[divan::bench(args = LEVELS)]
fn nearest_fit(bencher: Bencher<'_, '_>, levels: usize) {
    kl(bencher, &multi_spike(Form::Nearest, Spike::Fit), levels, WEIGHTS);
}

#[divan::bench(args = LEVELS)]
fn nearest_exact(bencher: Bencher<'_, '_>, levels: usize) {
    kl(bencher, &multi_spike(Form::Nearest, Spike::Exact), levels, WEIGHTS);
}

/// The level weights are in the ratio 1 : 2 : 3 …
#[divan::bench(args = LEVELS)]
fn nearest_fit_unequal_masses(bencher: Bencher<'_, '_>, levels: usize) {
    let total = (levels * (levels + 1) / 2) as f32;
    let masses = (1..=levels).map(|k| k as f32 / total).collect();
    let levels = Codebook::symmetric(levels).expect("levels in range").levels().to_vec();
    let codebook = Codebook::with_level_weights(levels, masses).expect("masses of sum 1");
    kl_of(bencher, &multi_spike(Form::Nearest, Spike::Fit), &codebook, WEIGHTS);
}

#[divan::bench(args = LEVELS)]
fn mixture_exact(bencher: Bencher<'_, '_>, levels: usize) {
    kl(bencher, &multi_spike(Form::Mixture, Spike::Exact), levels, WEIGHTS);
}

#[divan::bench(args = LEVELS)]
fn mixture_fit(bencher: Bencher<'_, '_>, levels: usize) {
    kl(bencher, &multi_spike(Form::Mixture, Spike::Fit), levels, WEIGHTS);
}

#[divan::bench(args = [3, 5])]
fn vnq_fit(bencher: Bencher<'_, '_>, levels: usize) {
    kl(bencher, &multi_spike(Form::Vnq, Spike::Fit), levels, WEIGHTS);
}

#[divan::bench(args = [2, 4, 16])]
fn windows_fit(bencher: Bencher<'_, '_>, levels: usize) {
    kl(bencher, &multi_spike(Form::Windows, Spike::Fit), levels, WEIGHTS);
}

/// With 64 weights only, since the quadrature is a slow reference and not for training.
#[divan::bench(args = LEVELS)]
fn quadrature(bencher: Bencher<'_, '_>, levels: usize) {
    kl(bencher, &multi_spike(Form::Quadrature, Spike::Exact), levels, 64);
}

#[divan::bench]
fn gaussian(bencher: Bencher<'_, '_>) {
    kl(bencher, &Prior::Gaussian(Gaussian::default()), 3, WEIGHTS);
}

#[divan::bench(args = LEVELS)]
fn quantizer_loss(bencher: Bencher<'_, '_>, levels: usize) {
    let codebook = Codebook::<f32>::symmetric(levels).expect("levels in range");
    let quantizer = Quantizer::new(codebook.levels());
    let theta = (0.1 * normal(WEIGHTS)).to_vec();
    bencher.counter(ItemsCount::new(WEIGHTS)).bench(|| quantizer.loss(black_box(&theta)));
}

#[divan::bench(args = LEVELS)]
fn kmeans_levels(bencher: Bencher<'_, '_>, levels: usize) {
    let theta = (0.1 * normal(WEIGHTS)).to_vec();
    bencher.counter(ItemsCount::new(WEIGHTS)).bench(|| kmeans(black_box(&theta), levels));
}
