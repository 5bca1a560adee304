use crate::normal;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use spikeslab::prior::kmeans::kmeans;
use spikeslab::prior::quantizer::Quantizer;
use spikeslab::prior::{Codebook, Form, Gaussian, MultiSpike, Prior};
use spikeslab::scalar::spike_kl::Spike;

const WEIGHTS: usize = 1 << 16;
const LEVELS: [usize; 4] = [2, 3, 4, 16];

/// The KL and its gradients, of [`WEIGHTS`] weights.
fn kl(bencher: Bencher<'_, '_>, prior: &Prior, levels: usize, weights: usize) {
    let codebook = Codebook::<f32>::symmetric(levels).expect("levels in range");
    let theta = (0.1 * normal(weights)).to_vec();
    let log_sigma2 = vec![-8.0; weights];
    bencher.counter(ItemsCount::new(weights)).bench(|| prior.kl(black_box(&theta), &log_sigma2, &codebook));
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

/// Of fewer weights: it is the reference, not made for training.
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
