use crate::common::assert_error;
use spikeslab::nets::{Architecture, Builder, Network, Plan};
use spikeslab::prior::Codebook;

fn lenet5() -> Plan {
    Architecture::Lenet5.plan([1, 28, 28], &[6, 16, 120, 84, 10]).expect("a plan")
}

#[test]
fn layers_know_their_parameters_and_their_place() {
    let network = lenet5();
    for (i, layer) in network.layers().enumerate() {
        assert_eq!(layer.index, i, "{}", layer.name);
        let named = |position: usize| network.parameters[position].name.clone();
        assert_eq!(named(layer.theta), format!("{}.theta", layer.name));
        assert_eq!(named(layer.log_sigma2), format!("{}.log_sigma2", layer.name));
        assert_eq!(named(layer.levels), format!("{}.levels", layer.name));
        assert_eq!(layer.bias.map(named), (i == 4).then(|| "fc3.bias".to_string()));
    }
    assert_eq!(network.layers().count(), 5);
}

/// One image has no statistics after a dense layer; where it has many positions, it has.
#[test]
fn a_batch_needs_two_values_a_channel_at_every_normalization() {
    let network = lenet5();
    network.check_batch(2).expect("two values");
    assert_error(network.check_batch(1), &["batch-size", "at least 2", "one value a channel", "(saw: 1)"]);
    let mut net = Builder::new([1, 4, 4]);
    net.conv2d("c", 2, [3, 3], [0, 0]).expect("it fits").batch_norm("n").relu().flatten().dense("d", 3);
    net.finish().check_batch(1).expect("four positions");
    let mut net = Builder::new([1, 4, 4]);
    net.conv2d("c", 2, [3, 3], [0, 0]).expect("it fits").max_pool([2, 2]).expect("it fits").batch_norm("n");
    assert_error(net.finish().check_batch(1), &["batch-size", "at least 2"]);
}

#[test]
fn the_shape_follows_the_nodes() {
    let mut net = Builder::new([2, 9, 12]);
    net.conv2d("c", 4, [2, 3], [0, 0]).expect("it fits").bias().batch_norm("n").relu();
    net.max_pool([2, 3]).expect("it fits").flatten().dense("d", 7);
    let plan = net.finish();
    let shapes: Vec<(String, Vec<usize>)> = plan.parameters.iter().map(|p| (p.name.clone(), p.shape.clone())).collect();
    for (name, shape) in [
        ("c.theta", vec![4, 2, 2, 3]),
        // As many as the codebook will have.
        ("c.levels", vec![]),
        ("c.bias", vec![4]),
        ("n.gamma", vec![4]),
        // (9 − 1)/2 by (12 − 2)/3 positions of 4 channels.
        ("d.theta", vec![4 * 4 * 3, 7]),
    ] {
        assert!(shapes.contains(&(name.to_string(), shape.clone())), "no {name} {shape:?} in {shapes:?}");
    }
    assert_eq!(plan.input, [2, 9, 12]);
    let network = Network::new(plan, &Codebook::<f32>::symmetric(2).expect("two levels"));
    assert_eq!(network.weights(), 4 * 2 * 2 * 3 + 48 * 7);
    // Of the convolution at 8 by 10 positions.
    let multiplications: Vec<usize> = network.plan().multiplications().collect();
    assert_eq!(multiplications, [8 * 10 * 4 * 2 * 2 * 3, 48 * 7]);
}

#[test]
fn kernels_and_windows_that_do_not_fit_are_refused() {
    let mut net = Builder::new([1, 4, 4]);
    assert_error(net.conv2d("c", 1, [5, 1], [0, 0]), &["window", "fits into 4 pixels"]);
    assert_error(net.max_pool([1, 5]), &["window", "fits into 4 pixels"]);
}
