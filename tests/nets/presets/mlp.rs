use super::network;
use crate::common::assert_error;
use crate::common::networks::{Entries, Problem, assert_golden, assert_gradients, assert_same_bits};
use spikeslab::nets::Description;

const NAME: &str = "mlp";

#[test]
fn golden_f64() {
    assert_golden::<f64>(NAME, "nets/mlp", 3);
}

#[test]
fn golden_f32() {
    assert_golden::<f32>(NAME, "nets/mlp", 3);
}

#[test]
fn gradients() {
    assert_gradients(&Problem::new(NAME, [2, 2, 2], &[5, 4, 3], 6, 1), &Entries::All);
}

#[test]
fn the_same_bits_at_any_thread_count() {
    assert_same_bits(NAME, [1, 8, 8], &[40, 34, 10]);
}

#[test]
fn layers_widths_and_weights_on_mnist() {
    let network = network(NAME, [1, 28, 28], 10);
    let names: Vec<&str> = network.layers().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["fc1", "fc2", "fc3"]);
    let outputs: Vec<usize> =
        network.layers().map(|layer| network.parameters()[layer.theta].value.shape()[1]).collect();
    assert_eq!(outputs, [256, 128, 10]);
    assert_eq!(network.weights(), 784 * 256 + 256 * 128 + 128 * 10);
}

#[test]
fn nodes_in_order() {
    let network = network(NAME, [1, 28, 28], 10);
    let shapes: Vec<(&str, &[usize])> =
        network.parameters().iter().map(|parameter| (parameter.name.as_str(), parameter.value.shape())).collect();
    let expected: [(&str, &[usize]); 18] = [
        ("fc1.theta", &[784, 256]),
        ("fc1.log_sigma2", &[784, 256]),
        ("fc1.levels", &[3]),
        ("bn1.gamma", &[256]),
        ("bn1.beta", &[256]),
        ("bn1.running_mean", &[256]),
        ("bn1.running_var", &[256]),
        ("fc2.theta", &[256, 128]),
        ("fc2.log_sigma2", &[256, 128]),
        ("fc2.levels", &[3]),
        ("bn2.gamma", &[128]),
        ("bn2.beta", &[128]),
        ("bn2.running_mean", &[128]),
        ("bn2.running_var", &[128]),
        ("fc3.theta", &[128, 10]),
        ("fc3.log_sigma2", &[128, 10]),
        ("fc3.levels", &[3]),
        ("fc3.bias", &[10]),
    ];
    assert_eq!(shapes, expected);
}

#[test]
fn more_weights_than_memory_could_hold_are_refused() {
    let refused = Description::with_widths(NAME, [1, 8192, 8192], &[256, 256, 10]);
    assert_error(refused, &["mlp, line 4, dense", "at most 268435456 weights", "17179869184"]);
}
