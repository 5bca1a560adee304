use crate::common::device::{DevicePrecision, assert_parity, device, on_device};
use crate::common::graphs::{CLASSES, draw};
use crate::common::networks::{MODES, Problem};
use spikeslab::cuda::layers::softmax_nll;
use spikeslab::cuda::nets::{Network, WeightMode};
use spikeslab::layers::batch_norm::MOMENTUM;
use spikeslab::layers::softmax_nll as nll;
use spikeslab::nets::graph::BayesLayer;
use spikeslab::nets::{self, Given, Graph, Normalization};
use spikeslab::prior::Codebook;

/// Small networks of every kind, each with images of the smallest size that it needs.
fn problems<F: DevicePrecision>() -> Vec<(&'static str, Problem<F>)> {
    let of = |name: &'static str, input, widths: &[usize], batch| (name, Problem::new(name, input, widths, batch, 1));
    // Random networks with sums, concatenations, groups, strides and layers without normalization.
    let drawn = |name: &'static str, seed| {
        let given = Given { classes: Some(CLASSES), ..Given::default() };
        let graph = Graph::parse(name, &draw(seed), given).expect("a network");
        let codebook = Codebook::symmetric(3).expect("three levels");
        (name, Problem::of(nets::Network::new(graph, &codebook), 3, seed))
    };
    vec![
        drawn("a network drawn with seed 2", 2),
        drawn("a network drawn with seed 3", 3),
        drawn("a network drawn with seed 5", 5),
        drawn("a network drawn with seed 6", 6),
        of("mlp", [1, 4, 5], &[9, 40, 3], 6),
        of("lenet5", [2, 18, 17], &[3, 5, 9, 7, 4], 3),
        of("lenet-caffe", [1, 16, 16], &[3, 13, 6, 3], 4),
        of("densenet", [3, 8, 8], &[4, 3, 3, 9, 2, 2, 13, 3, 3, 5], 3),
        of("densenet-bottleneck", [1, 8, 4], &[4, 6, 3, 5, 4, 2, 6, 5, 3, 4], 3),
    ]
}

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("nets::network {:?}", F::DTYPE)) else { return };
    for (name, problem) in problems::<F>() {
        for (sampled, normalization) in MODES {
            let what = |of: &str| format!("{of} of {name}, sampled: {sampled}, {normalization:?}");
            let (nll, logits, gradients) = problem.run(&problem.network, sampled, normalization);
            let network = Network::from_host(&device, &problem.network).expect("memory");
            let noise = |layer: &BayesLayer, _: &[usize]| Ok(on_device(&device, &problem.eps[layer.index]));
            let weights = if sampled { WeightMode::Sample(&noise) } else { WeightMode::Mean };
            let (logits_on_gpu, tape) =
                network.forward(on_device(&device, &problem.x), &weights, normalization).expect("it runs");
            assert_parity("network on the device", &what("logits"), &logits_on_gpu, &logits);
            let (nll_on_gpu, cache) = softmax_nll::forward(&logits_on_gpu, &problem.labels).expect("it runs");
            assert_parity("network on the device", &what("nll"), &nll_on_gpu, &[nll]);
            let dlogits = softmax_nll::backward(&cache).expect("it runs");
            let on_gpu = network.backward(&tape, dlogits).expect("it runs");
            assert_eq!(on_gpu.len(), gradients.len());
            for ((on_gpu, gradient), parameter) in on_gpu.iter().zip(&gradients).zip(problem.network.parameters()) {
                assert_eq!(on_gpu.is_some(), gradient.is_some(), "{}", what(&parameter.name));
                if let (Some(on_gpu), Some(gradient)) = (on_gpu, gradient) {
                    assert_parity("network on the device", &what(&parameter.name), on_gpu, gradient);
                }
            }
        }
    }
}

/// Passes that compute with Q(θ), with and without noise, and with and without layers in full precision: the logits and
/// every gradient.
fn parity_of_quantized_weights<F: DevicePrecision>() {
    let Some(device) = device(&format!("nets::network, quantized weights {:?}", F::DTYPE)) else { return };
    // A layer of one weight before a normalization has a gradient that is the difference of two nearly equal sums.
    let has_lone_weight = |name: &str| name == "a network drawn with seed 3";
    /// A normalization after a dense layer divides by the deviation of one value from each image. Over eight images
    /// this deviation is not near 0, where the division would enlarge differences in rounding. Levels of the size of
    /// the weights keep the deviation large too.
    const IMAGES: usize = 8;
    let codebook = Codebook::new([-0.5, 0.5].map(F::of).to_vec()).expect("two levels");
    for (name, problem) in problems::<F>().into_iter().filter(|(name, _)| !has_lone_weight(name)) {
        for keeps in [false, true] {
            let mut graph = problem.network.graph().clone();
            if keeps {
                graph.keep_first_and_last();
            }
            let problem = Problem::of(nets::Network::new(graph, &codebook), IMAGES, 1);
            let noise = |layer: &BayesLayer, _: &[usize]| Ok(problem.eps[layer.index].clone());
            let noise_on_gpu = |layer: &BayesLayer, _: &[usize]| Ok(on_device(&device, &problem.eps[layer.index]));
            let network = Network::from_host(&device, &problem.network).expect("memory");
            for (weights, weights_on_gpu) in [
                (nets::WeightMode::Quantized, WeightMode::Quantized),
                (nets::WeightMode::Hard(&noise), WeightMode::Hard(&noise_on_gpu)),
            ] {
                let is_hard = matches!(weights, nets::WeightMode::Hard(_));
                let what = |of: &str| format!("{of} of {name}, hard: {is_hard}, keeps first and last: {keeps}");
                let x = problem.x.clone();
                let (logits, tape) = problem.network.forward(x, &weights, Normalization::Batch).expect("it fits");
                let (_, cache) = nll::forward(logits.view(), &problem.labels).expect("it fits");
                let gradients = problem.network.backward(&tape, nll::backward(&cache));
                let x = on_device(&device, &problem.x);
                let (logits_on_gpu, tape) = network.forward(x, &weights_on_gpu, Normalization::Batch).expect("it runs");
                assert_parity("network on the device", &what("logits"), &logits_on_gpu, &logits);
                let (_, cache) = softmax_nll::forward(&logits_on_gpu, &problem.labels).expect("it runs");
                let on_gpu = network.backward(&tape, softmax_nll::backward(&cache).expect("it runs")).expect("it runs");
                for ((on_gpu, gradient), parameter) in on_gpu.iter().zip(&gradients).zip(problem.network.parameters()) {
                    assert_eq!(on_gpu.is_some(), gradient.is_some(), "{}", what(&parameter.name));
                    if let (Some(on_gpu), Some(gradient)) = (on_gpu, gradient) {
                        assert_parity("network on the device", &what(&parameter.name), on_gpu, gradient);
                    }
                }
            }
        }
    }
}

/// Prediction with each kind of weights, and the running statistics, which training changes too.
fn state<F: DevicePrecision>() {
    let Some(device) = device(&format!("nets::network, state {:?}", F::DTYPE)) else { return };
    for (name, Problem { mut network, x, eps, .. }) in problems::<F>() {
        let mut on_gpu = Network::from_host(&device, &network).expect("memory");
        let cases = [(nets::WeightMode::Mean, WeightMode::Mean), (nets::WeightMode::Quantized, WeightMode::Quantized)];
        for (weights, weights_on_gpu) in cases {
            let logits = network.predict(x.clone(), &weights).unwrap();
            let logits_on_gpu = on_gpu.predict(on_device(&device, &x), &weights_on_gpu).expect("it runs");
            assert_parity("network on the device", &format!("logits of {name}"), &logits_on_gpu, &logits);
        }
        let noise = |layer: &BayesLayer, _: &[usize]| Ok(eps[layer.index].clone());
        let sampled = nets::WeightMode::Sample(&noise);
        let (_, tape) = network.forward(x.clone(), &sampled, Normalization::Batch).unwrap();
        network.absorb_statistics(&tape, F::of(MOMENTUM));
        let noise = |layer: &BayesLayer, _: &[usize]| Ok(on_device(&device, &eps[layer.index]));
        let x = on_device(&device, &x);
        let (_, tape) = on_gpu.forward(x, &WeightMode::Sample(&noise), Normalization::Batch).expect("it runs");
        on_gpu.absorb_statistics(&tape).expect("it runs");
        for (parameter, on_gpu) in network.parameters().iter().zip(on_gpu.parameters()) {
            assert_parity("network on the device", &format!("{} of {name}", parameter.name), on_gpu, &parameter.value);
        }
        // A network that is copied to the device and back is the same.
        let mut back = network.clone();
        back.initialize(1);
        Network::from_host(&device, &network).expect("memory").copy_to_host(&mut back).expect("it runs");
        assert_eq!(back, network);
    }
}

both_precisions!(parity);

both_precisions!(parity_of_quantized_weights);

both_precisions!(state);
