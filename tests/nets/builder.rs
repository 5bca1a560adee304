use crate::common::assert_error;
use spikeslab::nets::builder::INITIAL_LOG_SIGMA2;
use spikeslab::nets::{Architecture, Builder, Network, Role};
use spikeslab::prior::Codebook;

fn lenet5() -> Network<f64> {
    let codebook = Codebook::new(vec![-0.3, 0.1, 0.2]).expect("a codebook");
    Architecture::Lenet5.network([1, 28, 28], &[6, 16, 120, 84, 10], &codebook).expect("a network")
}

#[test]
fn parameters_before_initialization() {
    for parameter in lenet5().parameters() {
        let expected: &[f64] = match parameter.role {
            Role::Theta | Role::Bias | Role::Beta | Role::RunningMean => &[0.0],
            Role::LogSigma2 => &[INITIAL_LOG_SIGMA2],
            Role::Gamma | Role::RunningVar => &[1.0],
            Role::Levels => &[-0.3, 0.1, 0.2],
        };
        for (i, value) in parameter.value.iter().enumerate() {
            assert_eq!(*value, expected[i % expected.len()], "{}", parameter.name);
        }
    }
    assert_eq!(INITIAL_LOG_SIGMA2, -8.0);
}

#[test]
fn layers_know_their_parameters_and_their_place() {
    let network = lenet5();
    for (i, layer) in network.layers().enumerate() {
        assert_eq!(layer.index, i, "{}", layer.name);
        let named = |position: usize| network.parameters()[position].name.clone();
        assert_eq!(named(layer.theta), format!("{}.theta", layer.name));
        assert_eq!(named(layer.log_sigma2), format!("{}.log_sigma2", layer.name));
        assert_eq!(named(layer.levels), format!("{}.levels", layer.name));
        assert_eq!(layer.bias.map(named), (i == 4).then(|| "fc3.bias".to_string()));
    }
    assert_eq!(network.layers().count(), 5);
}

#[test]
fn initialization_draws_theta_uniformly_within_one_over_root_outputs_and_nothing_else() {
    let (before, mut network) = (lenet5(), lenet5());
    network.initialize(1);
    for (old, new) in before.parameters().iter().zip(network.parameters()) {
        if new.role != Role::Theta {
            assert_eq!(old, new);
            continue;
        }
        let outputs = if new.value.ndim() == 2 { new.value.shape()[1] } else { new.value.shape()[0] };
        let bound = 1.0 / (outputs as f64).sqrt();
        let largest = new.value.iter().fold(0.0, |largest: f64, theta| largest.max(theta.abs()));
        assert!(largest < bound && largest > 0.97 * bound, "{}: {largest} of {bound}", new.name);
        // Mean 0 and variance bound²/3, each within five standard deviations: √(1/3n), √(4/45n).
        let (count, squares) = (new.value.len() as f64, new.value.iter().map(|theta| theta * theta).sum::<f64>());
        let (mean, variance) = (new.value.sum() / count / bound, squares / count / (bound * bound));
        assert!(mean.abs() < 5.0 * (1.0 / (3.0 * count)).sqrt(), "{}: mean {mean}", new.name);
        assert!((variance - 1.0 / 3.0).abs() < 5.0 * (4.0 / (45.0 * count)).sqrt(), "{}: {variance}", new.name);
    }
}

#[test]
fn a_seed_gives_one_network_and_each_tensor_has_its_own_stream() {
    let initialized = |seed| {
        let mut network = lenet5();
        network.initialize(seed);
        network
    };
    assert_eq!(initialized(3), initialized(3));
    assert_ne!(initialized(3), initialized(4));
    let network = initialized(3);
    // Undo the bounds: two tensors from one stream would begin alike.
    let starts: Vec<i64> = network
        .layers()
        .map(|layer| &network.parameters()[layer.theta].value)
        .map(|theta| (theta, if theta.ndim() == 2 { theta.shape()[1] } else { theta.shape()[0] }))
        .map(|(theta, outputs)| (theta.iter().next().expect("a weight") * (outputs as f64).sqrt() * 1e9) as i64)
        .collect();
    for (i, start) in starts.iter().enumerate() {
        assert!(!starts[..i].contains(start), "{starts:?}");
    }
}

#[test]
fn the_shape_follows_the_nodes() {
    let codebook = Codebook::<f32>::symmetric(2).expect("two levels");
    let mut net = Builder::new([2, 9, 12], &codebook);
    net.conv2d("c", 4, [2, 3]).expect("it fits").bias().batch_norm("n").relu();
    net.max_pool([2, 3]).expect("it fits").flatten().dense("d", 7);
    let network = net.finish();
    let shapes: Vec<(String, Vec<usize>)> =
        network.parameters().iter().map(|p| (p.name.clone(), p.value.shape().to_vec())).collect();
    for (name, shape) in [
        ("c.theta", vec![4, 2, 2, 3]),
        ("c.levels", vec![2]),
        ("c.bias", vec![4]),
        ("n.gamma", vec![4]),
        // (9 − 1)/2 by (12 − 2)/3 positions of 4 channels.
        ("d.theta", vec![4 * 4 * 3, 7]),
    ] {
        assert!(shapes.contains(&(name.to_string(), shape.clone())), "no {name} {shape:?} in {shapes:?}");
    }
    assert_eq!(network.input(), [2, 9, 12]);
    assert_eq!(network.weights(), 4 * 2 * 2 * 3 + 48 * 7);
}

#[test]
fn kernels_and_windows_that_do_not_fit_are_refused() {
    let codebook = Codebook::<f32>::symmetric(2).expect("two levels");
    let mut net = Builder::new([1, 4, 4], &codebook);
    assert_error(net.conv2d("c", 1, [5, 1]), &["window", "fits into 4 pixels"]);
    assert_error(net.max_pool([1, 5]), &["window", "fits into 4 pixels"]);
}
