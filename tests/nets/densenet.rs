use crate::common::assert_error;
use crate::common::networks::{Entries, Problem, assert_golden, assert_gradients, assert_same_bits};
use spikeslab::nets::{Architecture, Densenet, Role};

const PLAIN: Architecture = Architecture::Densenet { bottleneck: false };
const BOTTLENECK: Architecture = Architecture::Densenet { bottleneck: true };

fn widths(sizes: Densenet, classes: usize) -> Vec<usize> {
    let mut widths = sizes.hidden_widths().expect("sizes in range");
    widths.push(classes);
    widths
}

#[test]
fn golden_f64() {
    assert_golden::<f64>(PLAIN, "nets/densenet", 1);
    assert_golden::<f64>(BOTTLENECK, "nets/densenet", 1);
}

#[test]
fn golden_f32() {
    assert_golden::<f32>(PLAIN, "nets/densenet", 1);
    assert_golden::<f32>(BOTTLENECK, "nets/densenet", 1);
}

/// With and without bottleneck and compression; transitions keep all channels or half of them. The blocks are small: the more
/// units there are, the surer a ReLU changes sides within a difference.
#[test]
fn gradients_of_every_option() {
    assert_gradients(&Problem::new(PLAIN, [1, 8, 8], &[2, 2, 4, 2, 6, 2, 3], 3, 1), &Entries::All);
    assert_gradients(&Problem::new(PLAIN, [2, 8, 8], &[2, 2, 2, 2, 2, 2, 3], 3, 2), &Entries::All);
    assert_gradients(&Problem::new(BOTTLENECK, [1, 8, 8], &[2, 3, 2, 4, 3, 2, 6, 3, 2, 3], 3, 3), &Entries::All);
    assert_gradients(&Problem::new(BOTTLENECK, [2, 8, 8], &[2, 3, 2, 2, 3, 2, 2, 3, 2, 3], 3, 4), &Entries::All);
}

#[test]
fn the_same_bits_at_any_thread_count() {
    let plain = Densenet { depth: 7, growth: 3, ..Densenet::default() };
    assert_same_bits(PLAIN, [3, 16, 16], &widths(plain, 10));
    let bottleneck = Densenet { depth: 10, bottleneck: true, ..plain };
    assert_same_bits(BOTTLENECK, [3, 16, 16], &widths(bottleneck, 10));
}

/// Huang et al. 2017, table 2: L = 40, k = 12 has 1.0 million parameters; the published count is 1,019,722.
#[test]
fn the_published_network_has_the_published_number_of_parameters() {
    let plan = PLAIN.plan([3, 32, 32], &widths(Densenet::default(), 10)).expect("a network");
    let count = |wanted: &[Role]| -> usize {
        let of_role = plan.parameters.iter().filter(|parameter| wanted.contains(&parameter.role));
        of_role.map(|parameter| parameter.shape.iter().product::<usize>()).sum()
    };
    assert_eq!(count(&[Role::Theta]), 1_001_616);
    assert_eq!(count(&[Role::Gamma, Role::Beta]), 18_096);
    assert_eq!(count(&[Role::Bias]), 10);
    assert_eq!(count(&[Role::Theta, Role::Gamma, Role::Beta, Role::Bias]), 1_019_722);
    assert_eq!(plan.layers().count(), 40);
}

#[test]
fn layers_and_shapes_of_a_network_with_bottleneck_and_compression() {
    let sizes = Densenet { depth: 16, growth: 4, bottleneck: true, compression: 0.5 };
    let plan = BOTTLENECK.plan([3, 32, 32], &widths(sizes, 100)).expect("a network");
    let shapes: Vec<(&str, &[usize])> =
        plan.layers().map(|layer| (layer.name.as_str(), &plan.parameters[layer.theta].shape[..])).collect();
    let expected: [(&str, &[usize]); 16] = [
        ("conv0", &[8, 3, 3, 3]),
        ("block1.layer1.conv1", &[16, 8, 1, 1]),
        ("block1.layer1.conv2", &[4, 16, 3, 3]),
        ("block1.layer2.conv1", &[16, 12, 1, 1]),
        ("block1.layer2.conv2", &[4, 16, 3, 3]),
        ("trans1.conv", &[8, 16, 1, 1]),
        ("block2.layer1.conv1", &[16, 8, 1, 1]),
        ("block2.layer1.conv2", &[4, 16, 3, 3]),
        ("block2.layer2.conv1", &[16, 12, 1, 1]),
        ("block2.layer2.conv2", &[4, 16, 3, 3]),
        ("trans2.conv", &[8, 16, 1, 1]),
        ("block3.layer1.conv1", &[16, 8, 1, 1]),
        ("block3.layer1.conv2", &[4, 16, 3, 3]),
        ("block3.layer2.conv1", &[16, 12, 1, 1]),
        ("block3.layer2.conv2", &[4, 16, 3, 3]),
        ("fc", &[16, 100]),
    ];
    assert_eq!(shapes, expected);
    for (index, (layer, name)) in plan.layers().zip(BOTTLENECK.layer_names(16).expect("6 · 2 + 4")).enumerate() {
        assert_eq!((layer.index, &layer.name), (index, &name));
    }
    let norms: Vec<&str> = plan.norms().map(|norm| plan.parameters[norm.gamma].name.as_str()).collect();
    assert_eq!(
        (norms[0], norms[1], norms[4]),
        ("block1.layer1.bn1.gamma", "block1.layer1.bn2.gamma", "trans1.bn.gamma")
    );
    assert_eq!((norms.len(), norms[14]), (15, "bn.gamma"));
}

#[test]
fn the_figures_show_the_layers_of_the_published_one() {
    let shown = |architecture: Architecture, depth: usize| -> Vec<String> {
        let names = architecture.layer_names(depth).expect("a depth it has");
        names.into_iter().filter(|name| architecture.pictures(name)).collect()
    };
    assert_eq!(shown(PLAIN, 40), ["conv0", "block1.layer1.conv", "trans1.conv", "trans2.conv"]);
    let first_unit = ["block1.layer1.conv1", "block1.layer1.conv2"];
    assert_eq!(shown(BOTTLENECK, 100), ["conv0", first_unit[0], first_unit[1], "trans1.conv", "trans2.conv"]);
    assert_eq!(shown(Architecture::Lenet5, 5).len(), 5);
}

#[test]
fn sizes_out_of_range_are_refused() {
    let sizes = Densenet::default();
    for depth in [0, 3, 4, 5, 8, 39, 41, 256, 1003, usize::MAX] {
        let refused = Densenet { depth, ..sizes }.hidden_widths();
        assert_error(refused, &["depth", "3n + 4: 7, 10", &depth.to_string()]);
    }
    for depth in [4, 7, 13, 43] {
        let refused = Densenet { depth, bottleneck: true, ..sizes }.hidden_widths();
        assert_error(refused, &["depth", "6n + 4: 10, 16", &depth.to_string()]);
    }
    for growth in [0, 1001, usize::MAX] {
        assert_error(Densenet { growth, ..sizes }.hidden_widths(), &["growth", "1 to 1000", &growth.to_string()]);
    }
    for compression in [0.0, -0.5, 1.000_001, f64::NAN, f64::INFINITY] {
        let refused = Densenet { compression, ..sizes }.hidden_widths();
        assert_error(refused, &["compression", "above 0, up to 1", &compression.to_string()]);
    }
    let none_left = Densenet { depth: 7, growth: 1, compression: 0.05, ..sizes };
    assert_error(none_left.hidden_widths(), &["compression", "at least one of 17 channels", "0.05"]);
}

#[test]
fn images_too_small_to_be_halved_twice_are_refused() {
    let widths = widths(Densenet { depth: 7, growth: 2, ..Densenet::default() }, 10);
    assert!(PLAIN.plan([1, 28, 28], &widths).is_ok() && PLAIN.plan([1, 4, 5], &widths).is_ok());
    assert_error(PLAIN.plan([1, 3, 28], &widths), &["window", "fits into 1 pixels"]);
}
