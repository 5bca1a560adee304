use crate::normal;
use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::Array4;
use spikeslab::nets::{Architecture, Densenet};
use spikeslab::prior::Codebook;
use spikeslab::train::{Recipe, Trainer};

const CLASSES: usize = 10;

/// Training steps: noise, forward, KL, backward, optimizer.
fn step(bencher: Bencher<'_, '_>, network: Architecture, mut widths: Vec<usize>, images: usize) {
    widths.push(CLASSES);
    let shape = if matches!(network, Architecture::Densenet { .. }) { [3, 32, 32] } else { [1, 28, 28] };
    let codebook = Codebook::<f32>::symmetric(3).expect("levels in range");
    let mut network = network.network(shape, &widths, &codebook).expect("widths of this network");
    network.initialize(0);
    let recipe = Recipe { batch_size: images, ..Recipe::default() };
    let mut trainer = Trainer::new(network, recipe, images).expect("the recipe is in range");
    let x: Array4<f32> = normal([images, shape[0], shape[1], shape[2]]);
    let labels: Vec<usize> = (0..images).map(|image| image % CLASSES).collect();
    bencher
        .counter(ItemsCount::new(images))
        .with_inputs(|| x.clone())
        .bench_local_values(|x| trainer.step(x, &labels).expect("finite numbers"));
}

const IMAGES: [usize; 3] = [32, 128, 512];

#[divan::bench(args = IMAGES)]
fn mlp(bencher: Bencher<'_, '_>, images: usize) {
    step(bencher, Architecture::Mlp, Architecture::Mlp.hidden_widths(), images);
}

#[divan::bench(args = IMAGES)]
fn lenet5(bencher: Bencher<'_, '_>, images: usize) {
    step(bencher, Architecture::Lenet5, Architecture::Lenet5.hidden_widths(), images);
}

#[divan::bench(args = IMAGES)]
fn lenet_caffe(bencher: Bencher<'_, '_>, images: usize) {
    step(bencher, Architecture::LenetCaffe, Architecture::LenetCaffe.hidden_widths(), images);
}

/// Of 64 images, by depth.
#[divan::bench(args = [10, 22, 40], sample_count = 3)]
fn densenet(bencher: Bencher<'_, '_>, depth: usize) {
    let widths = Densenet { depth, ..Densenet::default() }.hidden_widths().expect("a depth that fits");
    step(bencher, Architecture::Densenet { bottleneck: false }, widths, 64);
}
