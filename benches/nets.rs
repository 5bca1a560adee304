use crate::{CLASSES, network, normal};
use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::Array4;
use spikeslab::nets::{Architecture, Densenet};
use spikeslab::train::{Recipe, Trainer};

/// Training steps: noise, forward, KL, backward, optimizer.
fn step(bencher: Bencher<'_, '_>, architecture: Architecture, widths: Vec<usize>, images: usize) {
    let (network, _) = network(architecture, widths);
    let [channels, height, width] = network.plan().input;
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
