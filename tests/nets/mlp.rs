use crate::common::assert_error;
use crate::common::networks::{Entries, Problem, assert_golden, assert_gradients, assert_same_bits};
use spikeslab::nets::{Architecture, Network};
use spikeslab::prior::Codebook;

const ARCHITECTURE: Architecture = Architecture::Mlp;

fn network(input: [usize; 3], classes: usize) -> Network<f32> {
    let widths = [&ARCHITECTURE.hidden_widths()[..], &[classes]].concat();
    ARCHITECTURE.network(input, &widths, &Codebook::symmetric(3).expect("three levels")).expect("a network")
}

#[test]
fn golden_f64() {
    assert_golden::<f64>(ARCHITECTURE, "nets/mlp", 3);
}

#[test]
fn golden_f32() {
    assert_golden::<f32>(ARCHITECTURE, "nets/mlp", 3);
}

#[test]
fn gradients() {
    assert_gradients(&Problem::new(ARCHITECTURE, [2, 2, 2], &[5, 4, 3], 6, 1), &Entries::All);
}

#[test]
fn the_same_bits_at_any_thread_count() {
    assert_same_bits(ARCHITECTURE, [1, 8, 8], &[40, 34, 10]);
}

#[test]
fn layers_widths_and_weights_on_mnist() {
    let network = network([1, 28, 28], 10);
    let names: Vec<&str> = network.layers().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["fc1", "fc2", "fc3"]);
    assert_eq!(ARCHITECTURE.hidden_widths(), [256, 128]);
    assert_eq!(network.weights(), 784 * 256 + 256 * 128 + 128 * 10);
}

#[test]
fn nodes_in_order() {
    let network = network([1, 28, 28], 10);
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
    let codebook = Codebook::<f32>::symmetric(3).unwrap();
    let network = ARCHITECTURE.network([1, 8192, 8192], &[256, 256, 10], &codebook);
    assert_error(network.map(|_| ()), &["weights of mlp", "at most 268435456", "17179937280"]);
}
