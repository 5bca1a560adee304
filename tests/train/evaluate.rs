use super::{CLASSES, narrow, network, split};
use crate::common::compare::assert_close;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Dtype, assert_error};
use ndarray::{Array2, IxDyn};
use spikeslab::layers::softmax_nll::log_softmax;
use spikeslab::nets::graph::BayesLayer;
use spikeslab::nets::{Network, Role, WeightMode};
use spikeslab::prior::quantizer::Quantizer;
use spikeslab::tensor::noise::{Philox, Purpose};
use spikeslab::train::data::Dataset;
use spikeslab::train::evaluate::{Weights, evaluate, quantized_loss, score};

fn labelled(labels: &[u8]) -> Dataset {
    Dataset::new(vec![0; labels.len()], labels.to_vec(), [1, 1, 1], 3).unwrap()
}

#[test]
fn accuracy_counts_first_maxima_and_nll_is_the_mean() {
    let data = labelled(&[0, 1, 2, 1]);
    let rows = [[-0.5, -1.0, -2.0], [-0.25, -0.5, -4.0], [-1.0, -2.0, -1.0], [-3.0, -0.125, -0.125]];
    let scored = score(&data, |batch, x: ndarray::Array4<f64>| {
        assert_eq!((batch, x.shape()), (0, &[4, 1, 1, 1][..]));
        Ok(Array2::from(rows.to_vec()))
    })
    .unwrap();
    // Right: the first and the last, whose tie goes to the first of its maxima; the third's tie goes to class 0.
    assert_eq!((scored.accuracy, scored.nll), (0.5, (0.5 + 0.5 + 1.0 + 0.125) / 4.0));
}

#[test]
fn a_last_smaller_batch_is_kept() {
    let labels: Vec<u8> = (0..501).map(|i| (i % 3) as u8).collect();
    let mut sizes = Vec::new();
    let scored = score(&labelled(&labels), |batch, x: ndarray::Array4<f32>| {
        assert_eq!(batch, sizes.len());
        sizes.push(x.dim().0);
        Ok(Array2::from_shape_fn((x.dim().0, 3), |(_, class)| if class == 0 { 0.0 } else { -1.0 }))
    })
    .unwrap();
    assert_eq!(sizes, [250, 250, 1]);
    assert_eq!((scored.accuracy, scored.nll), (1.0 / 3.0, 2.0 / 3.0));
}

/// A network whose weights are not on the levels, and whose σ is large enough to be seen.
fn noisy_network() -> Network<f32> {
    let mut net = network::<f32>("lenet5", narrow("lenet5"), 16);
    for parameter in net.parameters_mut() {
        if parameter.role == Role::LogSigma2 {
            parameter.value.fill(-3.0);
        }
    }
    net
}

#[test]
fn quantized_weights_are_the_nearest_levels() {
    let net = noisy_network();
    let data = split(10, 60, 16).test;
    let mut rounded = net.clone();
    for layer in net.layers() {
        let quantizer = Quantizer::new(net.parameters()[layer.levels].as_slice());
        rounded.parameters_mut()[layer.theta].value.mapv_inplace(|theta| quantizer.value(theta));
    }
    let quantized = evaluate(&net, &data, Weights::Quantized).unwrap();
    assert_eq!(quantized, evaluate(&rounded, &data, Weights::Mean).unwrap());
    assert_ne!(quantized, evaluate(&net, &data, Weights::Mean).unwrap());
}

#[test]
fn sampled_weights_average_the_probabilities_of_their_draws() {
    let net = noisy_network();
    let data = split(10, 300, 16).test;
    let (samples, seed) = (3, 9);
    // Two batches: draw s of batch b has the step 2 s + b of the evaluation's streams.
    let mut expected = 0.0;
    for (b, indices) in [(0..250), (250..300)].into_iter().enumerate() {
        let (x, labels) = data.batch::<f32>(&indices.collect::<Vec<_>>());
        let mut mean: Array2<f64> = Array2::zeros((labels.len(), CLASSES));
        for s in 0..samples {
            let noise = move |layer: &BayesLayer, shape: &[usize]| {
                let stream = Philox::new(seed, Purpose::Evaluation(layer.index as u32), 2 * s + b as u32);
                Ok(stream.standard_normal(IxDyn(shape)))
            };
            let logits = net.predict(x.clone(), &WeightMode::Sample(&noise)).unwrap();
            mean += &log_softmax(logits.mapv(f64::from)).mapv(|log| log.exp() / f64::from(samples));
        }
        expected -= labels.iter().enumerate().map(|(row, label)| mean[[row, *label]].ln()).sum::<f64>();
    }
    let seen = evaluate(&net, &data, Weights::Sampled { samples, seed }).unwrap();
    assert_close(
        "NLL with sampled weights",
        &seen.nll,
        &(expected / 300.0),
        tolerance("sampled", Dtype::F32, Check::Reference),
    );
    let repeated = evaluate(&net, &data, Weights::Sampled { samples, seed }).unwrap();
    let reseeded = evaluate(&net, &data, Weights::Sampled { samples, seed: 10 }).unwrap();
    assert_eq!(seen, repeated);
    assert_ne!(seen, reseeded);
}

#[test]
fn a_confident_mistake_has_a_finite_nll() {
    let mut net = noisy_network();
    let bias = net.parameters_mut().iter_mut().find(|parameter| parameter.role == Role::Bias).unwrap();
    // e⁻¹⁰⁰⁰ is 0 in f32.
    bias.as_slice_mut()[3] = 1000.0;
    let data = split(10, 20, 16).test;
    let mean = evaluate(&net, &data, Weights::Mean).unwrap();
    let sampled = evaluate(&net, &data, Weights::Sampled { samples: 4, seed: 1 }).unwrap();
    assert!((800.0..1000.0).contains(&mean.nll), "{mean:?}");
    assert!((800.0..1000.0).contains(&sampled.nll), "{sampled:?}");
}

#[test]
fn logits_that_overflow_have_no_score() {
    let mut net = noisy_network();
    for parameter in net.parameters_mut().iter_mut().filter(|parameter| parameter.role == Role::Theta) {
        parameter.value.fill(f32::MAX);
    }
    let data = split(10, 20, 16).test;
    for weights in [Weights::Mean, Weights::Sampled { samples: 2, seed: 1 }] {
        assert_error(evaluate(&net, &data, weights), &["tensor ln softmax(logits)", "finite numbers", "NaN"]);
    }
    // A certainty beyond the type's range.
    let scored =
        score(&labelled(&[0]), |_, _: ndarray::Array4<f32>| Ok(ndarray::array![[0.0, f32::NEG_INFINITY, -1.0]]));
    assert_error(scored, &["tensor ln softmax(logits)", "-inf"]);
}

#[test]
fn the_quantized_loss_sums_over_all_layers() {
    let mut net = network::<f64>("mlp", &[2, 2, 2], 1);
    for parameter in net.parameters_mut() {
        if parameter.role == Role::Theta {
            parameter.value.fill(0.25);
        }
    }
    // 2 + 4 + 4 weights, each 0.05 above the highest level.
    assert_close(
        "quantized loss",
        &quantized_loss(&net),
        &(10.0 * 0.05 * 0.05),
        tolerance("quantized loss", Dtype::F64, Check::Reference),
    );
}

#[test]
fn images_of_another_shape_are_refused() {
    let net = noisy_network();
    let other = split(10, 10, 20).test;
    for weights in [Weights::Mean, Weights::Quantized, Weights::Sampled { samples: 1, seed: 0 }] {
        assert_error(evaluate(&net, &other, weights), &["x", "[1, 16, 16]", "[1, 20, 20]"]);
    }
}

#[test]
fn no_images_have_no_score() {
    let none = labelled(&[]);
    let log_softmax = |_, x: ndarray::Array4<f64>| Ok(Array2::zeros((x.dim().0, none.classes())));
    assert_error(score(&none, log_softmax), &["tensor images: expected at least one to evaluate on (saw: none)"]);
    let data = Dataset::new(Vec::new(), Vec::new(), split(8, 4, 12).test.shape(), CLASSES).unwrap();
    for weights in [Weights::Mean, Weights::Quantized, Weights::Sampled { samples: 2, seed: 1 }] {
        assert_error(evaluate(&noisy_network(), &data, weights), &["tensor images", "none"]);
    }
}
