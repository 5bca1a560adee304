use crate::common::compare::{Tensor, ToTensor, assert_close};
use crate::common::device::{DevicePrecision, device};
use crate::common::networks::NETWORKS;
use crate::common::tolerance::{Check, tolerance};
use crate::train::{initialized, narrow, network, short_recipe, split};
use spikeslab::cuda::{self, Device};
use spikeslab::scalar::spike_kl::Spike;
use spikeslab::train::evaluate::{Weights, quantized_loss};
use spikeslab::train::recipe::{InitLevels, PriorName};
use spikeslab::train::{Forward, Loss, Recipe, Teacher, Trainer, Training};

const SIZE: usize = 16;
const IMAGES: usize = 64;

fn trainer<F: DevicePrecision>(name: &str, prior: PriorName, spike: Spike) -> Trainer<F> {
    // 4 steps per epoch.
    let recipe = Recipe { prior, spike, epochs: 13, ..short_recipe() };
    Trainer::new(network(name, narrow(name), SIZE), recipe, IMAGES).unwrap()
}

/// Takes `count` steps, from the first batch on.
fn steps<F: DevicePrecision>(training: &mut dyn Training<F>, count: usize) -> Vec<Loss> {
    let data = split(IMAGES, 1, SIZE).train;
    let order: Vec<usize> = (0..IMAGES).collect();
    let batches = order.chunks(16).cycle().take(count);
    batches
        .map(|indices| {
            let (x, labels) = data.batch(indices);
            training.step(x, &labels).expect("it runs")
        })
        .collect()
}

fn losses(losses: &[Loss]) -> Tensor {
    losses.iter().map(|loss| loss.loss).collect::<Vec<f64>>().to_tensor()
}

fn on_device<F: DevicePrecision>(device: &Device, host: &Trainer<F>) -> cuda::train::Trainer<F> {
    cuda::train::Trainer::new(device, host.clone()).expect("memory")
}

/// The loss of every step of a run is within the tolerance of the CPU's, and the trained network has the same accuracy
/// on both.
fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("train::trainer, 50 steps {:?}", F::DTYPE)) else { return };
    let mut on_host = trainer::<F>("lenet5", PriorName::Nearest, Spike::Fit);
    let mut on_gpu = on_device(&device, &on_host);
    let (expected, seen) = (steps(&mut on_host, 50), steps(&mut on_gpu, 50));
    let ends = [expected[0].nll, expected[49].nll];
    assert!(ends[1] < 0.8 * ends[0], "it learns (saw: {ends:?})");
    let within = tolerance("trainer on the device", F::DTYPE, Check::Reference);
    assert_close("losses of 50 steps", &losses(&seen), &losses(&expected), within);
    assert_eq!(on_gpu.trainer().steps_taken, 50);
    let test = split(1, 40, SIZE).test;
    let (samples, seed) = (3, 1);
    let drawn = [Weights::Sampled { samples, seed }, Weights::SampledMary { samples, seed }];
    for weights in [Weights::Mean, Weights::Quantized].into_iter().chain(drawn) {
        // The same network is evaluated on both.
        let host = on_gpu.fetch().expect("it runs").clone();
        let (expected, seen) = (host.score(&test, weights).unwrap(), on_gpu.score(&test, weights).expect("it runs"));
        assert_close(&format!("{weights:?}"), &seen.nll, &expected.nll, within);
        assert_eq!(seen.accuracy, expected.accuracy, "{weights:?}");
    }
}

both_precisions!(parity);

/// Compares all parameters and moments.
fn assert_same_state(what: &str, seen: &Trainer<f64>, expected: &Trainer<f64>) {
    let within = tolerance("trainer on the device", crate::common::Dtype::F64, Check::Reference);
    for (seen, expected) in seen.network.parameters().iter().zip(expected.network.parameters()) {
        assert_close(&format!("{what}: {}", seen.name), &seen.value, &expected.value, within);
    }
    assert_eq!(seen.moments.len(), expected.moments.len());
    for (seen, expected) in seen.moments.iter().flatten().zip(expected.moments.iter().flatten()) {
        if !expected.is_empty() {
            assert_close(&format!("{what}: moments"), seen, expected, within);
        }
    }
}

/// Takes a few steps under every prior and with every network, and compares all parameters and moments.
#[test]
fn parity_of_every_prior_and_network() {
    let Some(device) = device("train::trainer, every prior and network") else { return };
    let mut cases = vec![
        ("mlp", PriorName::Mixture),
        ("mlp", PriorName::Vnq),
        ("mlp", PriorName::Gaussian),
        ("mlp", PriorName::None),
    ];
    cases.extend(NETWORKS.map(|name| (name, PriorName::Nearest)));
    let within = tolerance("trainer on the device", crate::common::Dtype::F64, Check::Reference);
    for (name, prior) in cases {
        let what = format!("{name}, {prior:?}");
        let mut on_host = trainer::<f64>(name, prior, Spike::Exact);
        let mut on_gpu = on_device(&device, &on_host);
        let (expected, seen) = (steps(&mut on_host, 3), steps(&mut on_gpu, 3));
        assert_close(&what, &losses(&seen), &losses(&expected), within);
        assert_same_state(&what, on_gpu.fetch().expect("it runs"), &on_host);
    }
}

/// Trainings with a second phase, with each forward that sees the levels, with layers in full precision and with a
/// teacher: all parameters and moments after each of the steps around the switch, and at the end.
#[test]
fn parity_of_two_phases() {
    let Some(device) = device("train::trainer, two phases") else { return };
    let within = tolerance("trainer on the device", crate::common::Dtype::F64, Check::Reference);
    let cases = [
        ("lenet5", PriorName::Nearest, Forward::Hard, InitLevels::Kmeans, true),
        ("densenet", PriorName::Nearest, Forward::Hard, InitLevels::Given, false),
        ("mlp", PriorName::None, Forward::StraightThrough, InitLevels::Kmeans, false),
        ("mlp", PriorName::Gaussian, Forward::Hard, InitLevels::Kmeans, true),
        ("mlp", PriorName::Nearest, Forward::Sampled, InitLevels::Kmeans, false),
    ];
    for (name, prior, forward, init_levels, keeps) in cases {
        // 8 steps, the first half of them without a prior.
        let recipe = Recipe {
            prior,
            forward,
            init_levels,
            warmup: 0.5,
            epochs: 2,
            level_rate: 0.1,
            weight_decay: 0.1,
            ..short_recipe()
        };
        let own = network::<f64>(name, narrow(name), SIZE);
        let mut graph = own.graph().clone();
        if keeps {
            graph.keep_first_and_last();
        }
        let host = Trainer::new(initialized(graph), recipe, IMAGES).unwrap();
        let teacher = Teacher::new(own, 0.5).unwrap();
        let mut on_host = if keeps { host.with_teacher(teacher).unwrap() } else { host };
        let mut on_gpu = on_device(&device, &on_host);
        for count in [3, 1, 1, 3] {
            let (expected, seen) = (steps(&mut on_host, count), steps(&mut on_gpu, count));
            let what = format!("{name}, {prior:?}, {forward:?}, step {}", on_host.steps_taken);
            assert_close(&what, &losses(&seen), &losses(&expected), within);
            assert_same_state(&what, on_gpu.fetch().expect("it runs"), &on_host);
        }
        let is_quantized = quantized_loss(&on_gpu.fetch().expect("it runs").network) == 0.0;
        assert_eq!(is_quantized, forward != Forward::Sampled, "{name}");
    }
}

/// Three steps on the device, three on the CPU, three on the device: a run depends only on the state in a checkpoint.
#[test]
fn parity_of_a_run_that_moves_between_devices() {
    let Some(device) = device("train::trainer, moving between devices") else { return };
    let start = trainer::<f64>("lenet-caffe", PriorName::Nearest, Spike::Fit);
    let within = tolerance("trainer on the device", crate::common::Dtype::F64, Check::Reference);
    let expected = steps(&mut start.clone(), 12);
    let mut on_gpu = on_device(&device, &start);
    let mut seen = steps(&mut on_gpu, 4);
    let mut back = on_gpu.fetch().expect("it runs").clone();
    assert_eq!(back.steps_taken, 4);
    seen.extend(steps(&mut back, 4));
    seen.extend(steps(&mut on_device(&device, &back), 4));
    assert_close("losses", &losses(&seen), &losses(&expected), within);
    // On one device the same steps give the same bits.
    let [first, second] = [(); 2].map(|()| steps(&mut on_device(&device, &start), 4));
    assert_eq!(first, second);
}

#[test]
fn parity_of_what_is_not_finite() {
    let Some(device) = device("train::trainer, numbers that are not finite") else { return };
    let mut host = trainer::<f32>("mlp", PriorName::None, Spike::Fit);
    host.network.parameters_mut()[0].as_slice_mut()[5] = f32::NAN;
    let mut on_gpu = on_device(&device, &host);
    let (x, labels) = split(IMAGES, 1, SIZE).train.batch(&[0, 1, 2, 3]);
    let expected = host.step(x.clone(), &labels).expect_err("a NaN").to_string();
    assert_eq!(on_gpu.step(x, &labels).expect_err("a NaN").to_string(), expected);
    assert_eq!(on_gpu.trainer().steps_taken, 0);
}
