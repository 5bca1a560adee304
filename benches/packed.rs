use crate::{network, normal};
use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::Array4;
use spikeslab::nets::Architecture;
use spikeslab::packed::{PackedModel, format};
use std::path::Path;

fn model(architecture: Architecture) -> PackedModel {
    let (network, widths) = network(architecture, architecture.hidden_widths());
    PackedModel::new(architecture, &widths, &network, None)
}

fn predict(bencher: Bencher<'_, '_>, network: Architecture, images: usize) {
    let model = model(network);
    let [channels, height, width] = model.input();
    let x: Array4<f32> = normal([images, channels, height, width]);
    bencher
        .counter(ItemsCount::new(images))
        .with_inputs(|| x.clone())
        .bench_values(|x| model.predict(x).expect("images of its shape"));
}

#[divan::bench(args = [1, 16, 256])]
fn mlp(bencher: Bencher<'_, '_>, images: usize) {
    predict(bencher, Architecture::Mlp, images);
}

#[divan::bench(args = [1, 16, 256])]
fn lenet5(bencher: Bencher<'_, '_>, images: usize) {
    predict(bencher, Architecture::Lenet5, images);
}

#[divan::bench(args = [1, 16, 256])]
fn lenet_caffe(bencher: Bencher<'_, '_>, images: usize) {
    predict(bencher, Architecture::LenetCaffe, images);
}

#[divan::bench(args = [1, 64], sample_count = 5)]
fn densenet(bencher: Bencher<'_, '_>, images: usize) {
    predict(bencher, Architecture::Densenet { bottleneck: false }, images);
}

#[divan::bench]
fn from_bytes(bencher: Bencher<'_, '_>) {
    let bytes = format::to_bytes(&model(Architecture::LenetCaffe));
    bencher.bench(|| format::from_bytes(Path::new("model.packed"), &bytes));
}
