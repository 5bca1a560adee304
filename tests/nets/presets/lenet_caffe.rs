use super::network;
use crate::common::networks::{Entries, Problem, assert_golden, assert_gradients, assert_same_bits};

const NAME: &str = "lenet-caffe";

#[test]
fn golden_f64() {
    assert_golden::<f64>(NAME, "nets/lenet_caffe", 1);
}

#[test]
fn golden_f32() {
    assert_golden::<f32>(NAME, "nets/lenet_caffe", 1);
}

#[test]
fn gradients() {
    assert_gradients(&Problem::new(NAME, [1, 16, 16], &[2, 3, 4, 3], 4, 4), &Entries::All);
}

#[test]
fn gradients_on_larger_images() {
    assert_gradients(&Problem::new(NAME, [1, 28, 28], &[3, 4, 6, 10], 3, 6), &Entries::Projected);
}

#[test]
fn the_same_bits_at_any_thread_count() {
    assert_same_bits(NAME, [1, 28, 28], &[3, 4, 35, 10]);
}

#[test]
fn layers_widths_and_weights_on_mnist() {
    let network = network(NAME, [1, 28, 28], 10);
    let layers: Vec<(&str, &[usize])> =
        network.layers().map(|layer| (layer.name.as_str(), network.parameters()[layer.theta].value.shape())).collect();
    let expected: [(&str, &[usize]); 4] =
        [("conv1", &[20, 1, 5, 5]), ("conv2", &[50, 20, 5, 5]), ("fc1", &[800, 500]), ("fc2", &[500, 10])];
    assert_eq!(layers, expected);
    assert_eq!(network.weights(), 430_500);
}

#[test]
fn normalizations_follow_every_layer_but_the_last() {
    let names: Vec<String> =
        network(NAME, [1, 28, 28], 10).parameters().iter().map(|parameter| parameter.name.clone()).collect();
    let mut layers: Vec<&str> = names.iter().map(|name| name.split_once('.').expect("a name").0).collect();
    layers.dedup();
    assert_eq!(layers, ["conv1", "bn1", "conv2", "bn2", "fc1", "bn3", "fc2"]);
    assert_eq!(names.iter().filter(|name| name.ends_with(".bias")).collect::<Vec<_>>(), ["fc2.bias"]);
}
