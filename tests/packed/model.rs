use super::{initialized, packed, standardized, trained};
use crate::common::compare::assert_close;
use crate::common::networks::NETWORKS;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Dtype, assert_error};
use crate::train::{narrow, split};
use ndarray::{Array4, Axis};
use spikeslab::nets::{Description, Given, Graph, Role, WeightMode};
use spikeslab::packed::PackedModel;
use spikeslab::prior::quantizer::Quantizer;

const SIZE: usize = 16;

#[test]
fn the_weights_are_the_quantized_weights_bit_for_bit() {
    for name in NETWORKS {
        for levels in [2, 3, 5, 16, 256] {
            let network = trained(name, levels, SIZE);
            let model = PackedModel::new(name, &network, None);
            assert_eq!(model.layers().len(), narrow(name).len());
            for (packed, layer) in model.layers().iter().zip(network.layers()) {
                let quantizer = Quantizer::new(network.slice(layer.levels));
                let theta = &network.parameters()[layer.theta].value;
                assert_eq!(packed.name, layer.name);
                assert_eq!(packed.levels(), network.slice(layer.levels));
                let decoded = packed.decode();
                assert_eq!(decoded.shape(), theta.shape());
                for (weight, theta) in decoded.iter().zip(theta) {
                    assert_eq!(weight.to_bits(), quantizer.value(*theta).to_bits(), "{}", layer.name);
                }
                let used: std::collections::BTreeSet<usize> = packed.indices().collect();
                assert!(used.len() > 1 && used.iter().all(|index| *index < levels), "{}: {used:?}", layer.name);
            }
        }
    }
}

#[test]
fn the_logits_are_those_of_the_quantized_network() {
    let (x, _) = split(10, 20, SIZE).test.batch::<f32>(&(0..20).collect::<Vec<_>>());
    for name in NETWORKS {
        for levels in [2, 3, 4, 8] {
            let network = trained(name, levels, SIZE);
            let statistics = network.parameters().iter().filter(|p| p.role == Role::RunningVar);
            assert!(statistics.flat_map(|p| p.as_slice()).all(|variance| *variance != 1.0), "trained statistics");
            let model = PackedModel::new(name, &network, None);
            assert_close(
                &format!("logits of {name}, M = {levels}"),
                &model.predict(x.clone()).unwrap(),
                &network.predict(x.clone(), &WeightMode::Quantized).unwrap(),
                tolerance("packed", Dtype::F32, Check::Reference),
            );
        }
    }
}

/// The model of the mean weights computes their logits, and its layers have the weights of the network, to the bit.
#[test]
fn the_logits_of_mean_weights_are_those_of_the_network() {
    let (x, _) = split(10, 20, SIZE).test.batch::<f32>(&(0..20).collect::<Vec<_>>());
    for name in NETWORKS {
        let network = trained(name, 3, SIZE);
        let model = PackedModel::of_means(name, &network, None);
        for (packed, layer) in model.layers().iter().zip(network.layers()) {
            assert!(!packed.is_quantized() && packed.levels().is_empty(), "{}", layer.name);
            assert_eq!(packed.decode(), network.parameters()[layer.theta].value, "{}", layer.name);
        }
        assert!(model.graph().layers().all(|layer| layer.unquantized));
        assert_close(
            &format!("logits of the mean weights of {name}"),
            &model.predict(x.clone()).unwrap(),
            &network.predict(x.clone(), &WeightMode::Mean).unwrap(),
            tolerance("packed", Dtype::F32, Check::Reference),
        );
    }
}

/// Convolutions with several groups are computed by other code.
#[test]
fn the_logits_are_those_of_the_quantized_network_with_groups() {
    let text = "input 1x16x16\nconv1 conv 6 3x3 pad 1\nrelu\nconv2 conv 8 3x3 groups 2\nrelu\nconv3 conv 8 2x2 stride 2 groups 8 bias\n\
                flatten\nfc dense 10 bias\n";
    let (x, _) = split(10, 20, SIZE).test.batch::<f32>(&(0..20).collect::<Vec<_>>());
    for levels in [2, 3, 4, 17] {
        let network = initialized(Graph::parse("groups", text, Given::default()).unwrap(), levels, 3);
        let model = PackedModel::new("groups", &network, None);
        assert_close(
            &format!("logits with groups, M = {levels}"),
            &model.predict(x.clone()).unwrap(),
            &network.predict(x.clone(), &WeightMode::Quantized).unwrap(),
            tolerance("packed", Dtype::F32, Check::Reference),
        );
    }
}

/// Widths with which tiles of convolutions begin within a byte, and fields of every size.
#[test]
fn the_logits_are_those_of_the_quantized_network_at_odd_widths() {
    let widths = [13, 39, 21, 17, 10];
    let (x, _) = split(10, 20, SIZE).test.batch::<f32>(&(0..20).collect::<Vec<_>>());
    for levels in [2, 3, 4, 8, 17, 256] {
        let graph = Description::with_widths("lenet5", [1, SIZE, SIZE], &widths).unwrap();
        let network = initialized(graph, levels, 3);
        let model = PackedModel::new("lenet5", &network, None);
        let expected = network.predict(x.clone(), &WeightMode::Quantized).unwrap();
        let tolerance = tolerance("packed", Dtype::F32, Check::Reference);
        assert_close(&format!("logits, M = {levels}"), &model.predict(x.clone()).unwrap(), &expected, tolerance);
        for (image, expected) in x.outer_iter().zip(expected.outer_iter()) {
            let (image, expected) = (image.insert_axis(Axis(0)).to_owned(), expected.insert_axis(Axis(0)));
            assert_close(&format!("one image, M = {levels}"), &model.predict(image).unwrap(), &expected, tolerance);
        }
    }
}

#[test]
fn pixels_are_standardized_by_the_model() {
    let mut test = split(10, 20, SIZE).test;
    let all: Vec<usize> = (0..20).collect();
    let (pixels, _) = test.batch::<f32>(&all);
    let model = standardized("lenet5", 3, SIZE);
    test.standardize(model.standardization.as_ref()).unwrap();
    let (x, _) = test.batch::<f32>(&all);
    assert_ne!(x, pixels);
    let plain = packed("lenet5", 3, SIZE);
    assert_eq!(model.predict(pixels.clone()).unwrap(), plain.predict(x).unwrap());
    assert_ne!(model.predict(pixels.clone()).unwrap(), plain.predict(pixels).unwrap());
}

#[test]
fn sizes_count_weights_biases_and_normalizations() {
    let model = packed("mlp", 3, 2);
    // fc1 4 × 12, fc2 12 × 8, fc3 8 × 10 and its bias; γ, β, mean and variance of 12 and of 8 channels.
    assert_eq!(model.f32_parameters(), 48 + 96 + 80 + 10 + 4 * (12 + 8));
    for layer in model.layers() {
        let counts = layer.occupancy();
        assert_eq!((counts.len(), counts.iter().sum()), (3, layer.weights()));
        assert_eq!(layer.indices().filter(|index| *index == 1).count(), counts[1]);
    }
    // In memory two weights take four bits, each row of them whole bytes; after each layer come the bytes that a vector
    // may read beyond it.
    assert_eq!(model.resident_weight_bytes(), 2 * 6 + 6 * 4 + 4 * 5 + 3 * 16 + 3 * 12);
    assert_eq!((model.input(), model.layers()[1].weights()), ([1, 2, 2], 96));
}

#[test]
fn images_of_another_shape_are_refused() {
    let model = packed("lenet5", 3, SIZE);
    assert_error(model.predict(Array4::zeros((2, 1, 16, 17))), &["x", "[1, 16, 16]", "[1, 16, 17]"]);
    assert_eq!(model.predict(Array4::zeros((0, 1, 16, 16))).unwrap().dim(), (0, 10));
}
