use crate::{CLASSES, network, normal};
use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::Array4;
use spikeslab::train::{Recipe, Trainer};

/// Measures training steps: noise, forward, KL, backward, optimizer.
fn step(bencher: Bencher<'_, '_>, name: &str, images: usize) {
    let network = network(name);
    let [channels, height, width] = network.graph().input;
    let recipe = Recipe { batch_size: images, ..Recipe::default() };
    let mut trainer = Trainer::new(network, recipe, images).expect("the recipe is in range");
    let x: Array4<f32> = normal([images, channels, height, width]);
    let labels: Vec<usize> = (0..images).map(|image| image % CLASSES).collect();
    bencher
        .counter(ItemsCount::new(images))
        .with_inputs(|| x.clone())
        .bench_local_values(|x| trainer.step(x, &labels).expect("finite numbers"));
}

const IMAGES: [usize; 3] = [32, 128, 512];

#[divan::bench(args = IMAGES)]
fn mlp(bencher: Bencher<'_, '_>, images: usize) {
    step(bencher, "mlp", images);
}

#[divan::bench(args = IMAGES)]
fn lenet5(bencher: Bencher<'_, '_>, images: usize) {
    step(bencher, "lenet5", images);
}

#[divan::bench(args = IMAGES)]
fn lenet_caffe(bencher: Bencher<'_, '_>, images: usize) {
    step(bencher, "lenet-caffe", images);
}

/// DenseNets by depth, with batches of 64 images.
#[divan::bench(args = [10, 22, 40], sample_count = 3)]
fn densenet(bencher: Bencher<'_, '_>, depth: usize) {
    step(bencher, &format!("densenet:depth={depth}"), 64);
}
