use super::{CLASSES, narrow, network, split};
use crate::common::compare::{ToTensor, assert_close};
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Dtype, assert_error};
use ndarray::Array2;
use spikeslab::layers::softmax_nll::log_softmax;
use spikeslab::nets::{Given, Graph, Network, Role, WeightMode};
use spikeslab::prior::Codebook;
use spikeslab::prior::quantizer::Quantizer;
use spikeslab::scalar::Real;
use spikeslab::train::data::Dataset;
use spikeslab::train::draw::draw;
use spikeslab::train::evaluate::{
    Predict, Score, Sink, Weights, evaluate, predictions, predictions_by, quantized_loss, share_at_levels,
};
use spikeslab::train::uncertainty::Predictions;

fn labelled(labels: &[u16]) -> Dataset {
    Dataset::new(vec![0; labels.len()], labels.to_vec(), [1, 1, 1], 3).unwrap()
}

/// The predictions from the logits that `logits` returns for the number of a draw and a number of images.
fn of_logits<F: Real>(
    data: &Dataset,
    draws: u32,
    logits: impl Fn(u32, usize) -> Array2<F>,
    sink: &mut Sink<'_, F>,
) -> spikeslab::Result<Predictions> {
    let logits = &logits;
    let of_draw = |draw| -> spikeslab::Result<Predict<'_, F>> { Ok(Box::new(move |x| Ok(logits(draw, x.dim().0)))) };
    predictions_by(data, data.classes(), 250, draws, of_draw, sink)
}

#[test]
fn accuracy_counts_first_maxima_and_nll_is_the_mean() {
    let data = labelled(&[0, 1, 2, 1]);
    let rows: [[f64; 3]; 4] = [[0.5, 0.25, 0.25], [0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.375, 0.375]];
    let seen = of_logits(&data, 1, |_, _| Array2::from(rows.to_vec()).mapv(f64::ln), &mut |_| Ok(())).unwrap();
    let score = Score::of(&seen, &data.label_indices()).unwrap();
    // The first and the last image are right; the tie of the last goes to the first maximum.
    assert_eq!(score.accuracy, 0.5);
    let expected = -(0.5_f64.ln() + 2.0 * 0.25_f64.ln() + 0.375_f64.ln()) / 4.0;
    assert_close("NLL", &score.nll, &expected, tolerance("uncertainty", Dtype::F64, Check::Property));
}

/// The sink is called for all images of each draw, one draw after another; the last batch is smaller.
#[test]
fn a_last_smaller_batch_is_kept_and_the_sink_sees_draws_one_after_another() {
    let data = labelled(&(0..501).map(|i| (i % 3) as u16).collect::<Vec<_>>());
    let mut seen = Vec::new();
    let logits =
        |draw: u32, images| Array2::from_shape_fn((images, 3), |(_, k)| if k == 0 { draw as f32 } else { -1.0 });
    let mut sink = |logits: &Array2<f32>| {
        seen.push((logits.nrows(), logits[[0, 0]]));
        Ok(())
    };
    let predictions = of_logits(&data, 2, logits, &mut sink).unwrap();
    assert_eq!(seen, [(250, 0.0), (250, 0.0), (1, 0.0), (250, 1.0), (250, 1.0), (1, 1.0)]);
    assert_eq!(Score::of(&predictions, &data.label_indices()).unwrap().accuracy, 1.0 / 3.0);
    assert_eq!(predictions.len(), 501);
    let refused = of_logits(&data, 2, logits, &mut |_| Err(spikeslab::Error::option("sink", "room", "none")));
    assert_error(refused, &["sink", "room"]);
    assert_error(of_logits(&data, 0, logits, &mut |_| Ok(())), &["samples", "at least one draw", "0"]);
}

/// A network whose weights are not at the levels, and whose σ is large enough to have an effect.
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
        let quantizer = Quantizer::new(net.slice(layer.levels));
        rounded.parameters_mut()[layer.theta].value.mapv_inplace(|theta| quantizer.value(theta));
    }
    let quantized = evaluate(&net, &data, Weights::Quantized).unwrap();
    assert_eq!(quantized, evaluate(&rounded, &data, Weights::Mean).unwrap());
    assert_ne!(quantized, evaluate(&net, &data, Weights::Mean).unwrap());
}

/// Draw s is the same network for all images, in all batches.
#[test]
fn sampled_weights_average_the_probabilities_of_their_draws() {
    let net = noisy_network();
    let data = split(10, 300, 16).test;
    let (samples, seed) = (3, 9);
    let (x, labels) = data.batch::<f32>(&(0..300).collect::<Vec<_>>());
    for to_levels in [false, true] {
        let mut mean: Array2<f64> = Array2::zeros((labels.len(), CLASSES));
        for s in 0..samples {
            let logits = draw(&net, seed, s, to_levels).predict(x.clone(), &WeightMode::Mean).unwrap();
            mean += &log_softmax(logits.mapv(f64::from)).mapv(|log| log.exp() / f64::from(samples));
        }
        let expected = -labels.iter().enumerate().map(|(row, label)| mean[[row, *label]].ln()).sum::<f64>();
        let weights = |samples, seed| match to_levels {
            false => Weights::Sampled { samples, seed },
            true => Weights::SampledMary { samples, seed },
        };
        let seen = evaluate(&net, &data, weights(samples, seed)).unwrap();
        // In batches of other sizes sums may be computed in another order.
        let within = tolerance("sampled", Dtype::F32, Check::Reference);
        assert_close(&format!("NLL, to levels: {to_levels}"), &seen.nll, &(expected / 300.0), within);
        assert_eq!(seen, evaluate(&net, &data, weights(samples, seed)).unwrap());
        assert_ne!(seen, evaluate(&net, &data, weights(samples, 10)).unwrap());
        assert_ne!(seen, evaluate(&net, &data, weights(4, seed)).unwrap());
    }
}

/// With σ near 0, every draw is the mean network, and every M-ary draw the quantized network.
#[test]
fn draws_with_sigma_near_zero_equal_mean_or_quantized_weights() {
    let mut net = noisy_network();
    for parameter in net.parameters_mut().iter_mut().filter(|parameter| parameter.role == Role::LogSigma2) {
        parameter.value.fill(-100.0);
    }
    let data = split(10, 40, 16).test;
    let (samples, seed) = (2, 1);
    let nll = |weights| evaluate(&net, &data, weights).unwrap().nll;
    let within = tolerance("sampled", Dtype::F32, Check::Reference);
    assert_close("sampled", &nll(Weights::Sampled { samples, seed }), &nll(Weights::Mean), within);
    assert_close("sampled M-ary", &nll(Weights::SampledMary { samples, seed }), &nll(Weights::Quantized), within);
}

#[test]
fn predictions_have_the_same_bits_at_any_number_of_threads() {
    let (net, data) = (noisy_network(), split(10, 260, 16).test);
    assert_same_bits_at_any_thread_count("predictions", || {
        let weights = Weights::Sampled { samples: 2, seed: 3 };
        let seen = predictions(&net, &data, weights, &mut |_| Ok(())).unwrap();
        vec![seen.log_probabilities().to_tensor(), seen.expected_entropy().to_tensor()]
    });
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
    let infinite = |_, _| ndarray::array![[0.0, f32::NEG_INFINITY, -1.0]];
    let seen = of_logits(&labelled(&[0]), 1, infinite, &mut |_| Ok(()));
    assert_error(seen, &["tensor ln softmax(logits)", "-inf"]);
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
    let data = Dataset::new(Vec::new(), Vec::new(), split(8, 4, 12).test.shape(), CLASSES).unwrap();
    for weights in [Weights::Mean, Weights::Quantized, Weights::Sampled { samples: 2, seed: 1 }] {
        assert_error(
            evaluate(&noisy_network(), &data, weights),
            &["tensor images: expected at least one to evaluate on (saw: none)"],
        );
    }
    let net = noisy_network();
    let one = predictions(&net, &split(8, 1, 16).test, Weights::Mean, &mut |_| Ok(())).unwrap();
    assert_error(Score::of(&one, &[]), &["tensor labels", "[1]", "[0]"]);
}

/// With levels 0, 0.4 and 1, three of six weights are farther from their level than a quarter of the distance to the
/// next level: two between levels, and one beyond the outermost level by more than a quarter of 0.6.
#[test]
fn weights_at_their_levels_are_counted() {
    let graph = Graph::parse("net", "input 1x1x2\nflatten\nfc dense 3 bias", Given::default()).unwrap();
    let mut network: Network<f64> = Network::new(graph, &Codebook::new(vec![0.0, 0.4, 1.0]).unwrap());
    let theta = network.layers().next().unwrap().theta;
    for (value, theta) in
        [-0.09, 0.09, 0.11, 0.54, 0.8, 1.16].iter().zip(network.parameters_mut()[theta].as_slice_mut())
    {
        *theta = *value;
    }
    assert_eq!(share_at_levels(&network), 0.5);
}

/// Of large images few are evaluated together: here two, with 2 · 32 · 2²⁰ numbers in the largest value.
#[test]
fn large_images_are_evaluated_a_few_at_a_time() {
    let text = "input 1x1024x1024\nconv 32 1x1\nglobal-avg-pool\nflatten\ndense 2";
    let graph = Graph::parse("net", text, Given::default()).unwrap();
    let network: Network<f32> = Network::new(graph, &Codebook::symmetric(2).unwrap());
    let data = Dataset::new(vec![7; 3 << 20], vec![0, 1, 0], [1, 1024, 1024], 2).unwrap();
    let mut together = Vec::new();
    predictions(&network, &data, Weights::Mean, &mut |logits| {
        together.push(logits.nrows());
        Ok(())
    })
    .unwrap();
    assert_eq!(together, [2, 1]);
}
