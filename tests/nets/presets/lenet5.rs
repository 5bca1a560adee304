use super::network;
use crate::common::networks::{Entries, Problem, assert_golden, assert_gradients, assert_same_bits};

const NAME: &str = "lenet5";

#[test]
fn golden_f64() {
    assert_golden::<f64>(NAME, "nets/lenet5", 2);
}

#[test]
fn golden_f32() {
    assert_golden::<f32>(NAME, "nets/lenet5", 2);
}

#[test]
fn gradients() {
    assert_gradients(&Problem::new(NAME, [1, 16, 16], &[2, 3, 4, 3, 3], 4, 2), &Entries::All);
}

#[test]
fn gradients_on_larger_images() {
    assert_gradients(&Problem::new(NAME, [3, 32, 32], &[2, 3, 5, 4, 10], 3, 3), &Entries::Projected);
}

#[test]
fn the_same_bits_at_any_thread_count() {
    assert_same_bits(NAME, [1, 28, 28], &[3, 4, 35, 10, 10]);
}

#[test]
fn layers_widths_and_weights_on_mnist() {
    let network = network(NAME, [1, 28, 28], 10);
    let layers: Vec<(&str, &[usize])> =
        network.layers().map(|layer| (layer.name.as_str(), network.parameters()[layer.theta].value.shape())).collect();
    let expected: [(&str, &[usize]); 5] = [
        ("conv1", &[6, 1, 5, 5]),
        ("conv2", &[16, 6, 5, 5]),
        ("fc1", &[256, 120]),
        ("fc2", &[120, 84]),
        ("fc3", &[84, 10]),
    ];
    assert_eq!(layers, expected);
    assert_eq!(network.weights(), 44_190);
}

#[test]
fn colour_images_of_32_pixels_give_a_wider_fc1() {
    let network = network(NAME, [3, 32, 32], 100);
    let shape = |name: &str| {
        let parameter = network.parameters().iter().find(|parameter| parameter.name == name).expect("a parameter");
        parameter.value.shape().to_vec()
    };
    assert_eq!((shape("conv1.theta"), shape("fc1.theta")), (vec![6, 3, 5, 5], vec![400, 120]));
    assert_eq!((shape("fc3.theta"), shape("fc3.bias")), (vec![84, 100], vec![100]));
}

#[test]
fn normalizations_follow_every_layer_but_the_last() {
    let names: Vec<String> =
        network(NAME, [1, 28, 28], 10).parameters().iter().map(|parameter| parameter.name.clone()).collect();
    let order = ["conv1", "bn1", "conv2", "bn2", "fc1", "bn3", "fc2", "bn4", "fc3"];
    let mut layers: Vec<&str> = names.iter().map(|name| name.split_once('.').expect("a name").0).collect();
    layers.dedup();
    assert_eq!(layers, order);
    assert_eq!(names.iter().filter(|name| name.ends_with(".bias")).collect::<Vec<_>>(), ["fc3.bias"]);
}
