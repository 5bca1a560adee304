use crate::{network, normal};
use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::Array4;
use spikeslab::packed::{Executor, PackedModel, format};
use std::path::Path;

fn model(name: &str) -> PackedModel {
    PackedModel::new(name, &network(name), None)
}

fn predict(bencher: Bencher<'_, '_>, name: &str, images: usize) {
    let model = model(name);
    let executor = Executor::new(&model);
    let [channels, height, width] = model.input();
    let x: Array4<f32> = normal([images, channels, height, width]);
    bencher
        .counter(ItemsCount::new(images))
        .with_inputs(|| x.clone())
        .bench_values(|x| executor.predict(x).expect("images of its shape"));
}

#[divan::bench(args = [1, 16, 256])]
fn mlp(bencher: Bencher<'_, '_>, images: usize) {
    predict(bencher, "mlp", images);
}

#[divan::bench(args = [1, 16, 256])]
fn lenet5(bencher: Bencher<'_, '_>, images: usize) {
    predict(bencher, "lenet5", images);
}

#[divan::bench(args = [1, 16, 256])]
fn lenet_caffe(bencher: Bencher<'_, '_>, images: usize) {
    predict(bencher, "lenet-caffe", images);
}

#[divan::bench(args = [1, 64], sample_count = 5)]
fn densenet(bencher: Bencher<'_, '_>, images: usize) {
    predict(bencher, "densenet", images);
}

#[divan::bench]
fn from_bytes(bencher: Bencher<'_, '_>) {
    let bytes = format::to_bytes(&model("lenet-caffe"));
    bencher.bench(|| format::from_bytes(Path::new("model.packed"), &bytes));
}
