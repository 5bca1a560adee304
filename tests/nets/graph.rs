use crate::common::assert_error;
use crate::common::networks::preset;
use spikeslab::nets::{Given, Graph, Network};
use spikeslab::prior::Codebook;

#[test]
fn layers_know_their_parameters_and_their_place() {
    let graph = preset("lenet5", [1, 28, 28]);
    for (i, layer) in graph.layers().enumerate() {
        assert_eq!(layer.index, i, "{}", layer.name);
        let named = |position: usize| graph.parameters[position].name.clone();
        assert_eq!(named(layer.theta), format!("{}.theta", layer.name));
        assert_eq!(named(layer.log_sigma2), format!("{}.log_sigma2", layer.name));
        assert_eq!(named(layer.levels), format!("{}.levels", layer.name));
        assert_eq!(layer.bias.map(named), (i == 4).then(|| "fc3.bias".to_string()));
    }
    assert_eq!(graph.layers().count(), 5);
    for (i, norm) in graph.norms().enumerate() {
        assert_eq!(norm.index, i);
        let suffixes = ["gamma", "beta", "running_mean", "running_var"];
        for (position, suffix) in [norm.gamma, norm.beta, norm.running_mean, norm.running_var].into_iter().zip(suffixes)
        {
            assert_eq!(graph.parameters[position].name, format!("bn{}.{suffix}", i + 1));
        }
    }
}

/// A batch of one image has no batch statistics after a dense layer; it has them where an image has many positions.
#[test]
fn a_batch_needs_two_values_a_channel_at_every_normalization() {
    let network = preset("lenet5", [1, 28, 28]);
    network.check_batch(2).expect("two values");
    assert_error(network.check_batch(1), &["batch-size", "at least 2", "one value a channel", "(saw: 1)"]);
    let of = |text| Graph::parse("small", text, Given::default()).expect("a network");
    let four_positions = of("input 1x4x4\n conv 2 3x3\n norm\n relu\n flatten\n dense 3");
    four_positions.check_batch(1).expect("four positions");
    let one_position = of("input 1x4x4\n conv 2 3x3\n max-pool 2x2\n norm\n flatten\n dense 3");
    assert_error(one_position.check_batch(1), &["batch-size", "at least 2"]);
}

#[test]
fn the_shape_follows_the_nodes() {
    let text = "input 2x9x12
        c conv 4 2x3 bias
        n norm
        relu
        max-pool 2x3
        flatten
        d dense 7";
    let graph = Graph::parse("small", text, Given::default()).expect("a network");
    let shapes: Vec<(String, Vec<usize>)> =
        graph.parameters.iter().map(|p| (p.name.clone(), p.shape.clone())).collect();
    for (name, shape) in [
        ("c.theta", vec![4, 2, 2, 3]),
        // The shape of the levels depends on the codebook.
        ("c.levels", vec![]),
        ("c.bias", vec![4]),
        ("n.gamma", vec![4]),
        // 4 channels of (9 − 1)/2 by (12 − 2)/3 positions.
        ("d.theta", vec![4 * 4 * 3, 7]),
    ] {
        assert!(shapes.contains(&(name.to_string(), shape.clone())), "no {name} {shape:?} in {shapes:?}");
    }
    assert_eq!(graph.input, [2, 9, 12]);
    let network = Network::new(graph, &Codebook::<f32>::symmetric(2).expect("two levels"));
    assert_eq!(network.weights(), 4 * 2 * 2 * 3 + 48 * 7);
    // The convolution has 8 by 10 positions.
    let multiplications: Vec<usize> = network.graph().multiplications().collect();
    assert_eq!(multiplications, [8 * 10 * 4 * 2 * 2 * 3, 48 * 7]);
}

#[test]
fn kernels_and_windows_that_do_not_fit_are_refused() {
    for (line, operation) in [("conv 1 5x1", "conv"), ("max-pool 1x5", "max-pool")] {
        let text = format!("input 1x4x4\n{line}\nflatten\ndense 2");
        let refused = Graph::parse("small", &text, Given::default());
        assert_error(refused, &[&format!("small, line 2, {operation}"), "fits into 4 pixels"]);
    }
}
