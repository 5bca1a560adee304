use crate::common::assert_error;
use crate::common::networks::{Entries, Problem, assert_golden, assert_gradients, assert_same_bits_of, preset};
use spikeslab::nets::{Description, Given, Graph, Role};
use spikeslab::report::pictured;

const PLAIN: &str = "densenet";
const BOTTLENECK: &str = "densenet-bottleneck";

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

/// Tests networks with and without bottleneck and compression; transitions keep all channels or half of them. The
/// blocks are small, since with more units it becomes more likely that a ReLU changes within a difference.
#[test]
fn gradients_of_every_option() {
    assert_gradients(&Problem::new(PLAIN, [1, 8, 8], &[2, 2, 4, 2, 6, 2, 3], 3, 1), &Entries::All);
    assert_gradients(&Problem::new(PLAIN, [2, 8, 8], &[2, 2, 2, 2, 2, 2, 3], 3, 2), &Entries::All);
    assert_gradients(&Problem::new(BOTTLENECK, [1, 8, 8], &[2, 3, 2, 4, 3, 2, 6, 3, 2, 3], 3, 3), &Entries::All);
    assert_gradients(&Problem::new(BOTTLENECK, [2, 8, 8], &[2, 3, 2, 2, 3, 2, 2, 3, 2, 3], 3, 4), &Entries::All);
}

#[test]
fn the_same_bits_at_any_thread_count() {
    for name in ["densenet:depth=7,growth=3", "densenet:depth=10,growth=3,bottleneck=true"] {
        assert_same_bits_of(name, preset(name, [3, 16, 16]));
    }
}

/// Huang et al. 2017, table 2: L = 40, k = 12 has 1.0 million parameters; the published count is 1,019,722.
#[test]
fn the_published_network_has_the_published_number_of_parameters() {
    let graph = preset("densenet", [3, 32, 32]);
    let count = |wanted: &[Role]| -> usize {
        let of_role = graph.parameters.iter().filter(|parameter| wanted.contains(&parameter.role));
        of_role.map(|parameter| parameter.shape.iter().product::<usize>()).sum()
    };
    assert_eq!(count(&[Role::Theta]), 1_001_616);
    assert_eq!(count(&[Role::Gamma, Role::Beta]), 18_096);
    assert_eq!(count(&[Role::Bias]), 10);
    assert_eq!(count(&[Role::Theta, Role::Gamma, Role::Beta, Role::Bias]), 1_019_722);
    assert_eq!(graph.layers().count(), 40);
}

#[test]
fn layers_and_shapes_of_a_network_with_bottleneck_and_compression() {
    let description = Description::preset("densenet:depth=16,growth=4,bottleneck=true,compression=0.5");
    let given = Given { input: Some([3, 32, 32]), classes: Some(100), outputs: None };
    let graph = description.expect("sizes in range").graph(given).expect("a network");
    let shapes: Vec<(&str, &[usize])> =
        graph.layers().map(|layer| (layer.name.as_str(), &graph.parameters[layer.theta].shape[..])).collect();
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
    for (index, layer) in graph.layers().enumerate() {
        assert_eq!(layer.index, index, "{}", layer.name);
    }
    let norms: Vec<&str> = graph.norms().map(|norm| graph.parameters[norm.gamma].name.as_str()).collect();
    assert_eq!(
        (norms[0], norms[1], norms[4]),
        ("block1.layer1.bn1.gamma", "block1.layer1.bn2.gamma", "trans1.bn.gamma")
    );
    assert_eq!((norms.len(), norms[14]), (15, "bn.gamma"));
}

#[test]
fn the_figures_show_the_layers_of_the_published_one() {
    let shown = |graph: &Graph| -> Vec<String> { pictured(graph).iter().map(|layer| layer.name.clone()).collect() };
    let plain = shown(&preset("densenet", [3, 32, 32]));
    assert_eq!(plain, ["conv0", "block1.layer1.conv", "trans1.conv", "trans2.conv"]);
    let bottleneck = shown(&preset("densenet:depth=100,bottleneck=true", [3, 32, 32]));
    let first_unit = ["block1.layer1.conv1", "block1.layer1.conv2"];
    assert_eq!(bottleneck, ["conv0", first_unit[0], first_unit[1], "trans1.conv", "trans2.conv"]);
    assert_eq!(shown(&preset("lenet5", [1, 28, 28])).len(), 5);
}

#[test]
fn sizes_out_of_range_are_refused() {
    let refuse = |sizes: &str, parts: &[&str]| assert_error(Description::preset(&format!("densenet:{sizes}")), parts);
    for depth in ["0", "3", "4", "5", "8", "39", "41", "257", "1003", "18446744073709551615", "-7", "7.0", ""] {
        refuse(&format!("depth={depth}"), &["depth", "3n + 4: 7, 10", &format!("(saw: {depth})")]);
    }
    for depth in ["4", "7", "13", "43"] {
        let sizes = format!("depth={depth},bottleneck=true");
        refuse(&sizes, &["depth", "6n + 4: 10, 16", &format!("(saw: {depth})")]);
    }
    for growth in ["0", "1001", "18446744073709551615", "-1"] {
        refuse(&format!("growth={growth}"), &["growth", "1 to 1000", &format!("(saw: {growth})")]);
    }
    for compression in ["0", "-0.5", "1.000001", "nan", "inf"] {
        let parts = ["compression", "above 0, up to 1", &format!("(saw: {compression})")];
        refuse(&format!("compression={compression}"), &parts);
    }
    refuse("depth=7,growth=1,compression=0.05", &["compression", "at least one of 17 channels", "0.05"]);
    refuse("bottleneck=yes", &["bottleneck", "true or false", "yes"]);
    refuse("depth=7,depth=7", &["each once", "depth=7"]);
    refuse("width=7", &["sizes bottleneck, depth, growth, compression", "width"]);
}

#[test]
fn images_too_small_to_be_halved_twice_are_refused() {
    let graph = |input| {
        let description = Description::preset("densenet:depth=7,growth=2").expect("sizes in range");
        description.graph(Given { input: Some(input), ..Given::default() })
    };
    assert!(graph([1, 28, 28]).is_ok() && graph([1, 4, 5]).is_ok());
    assert_error(graph([1, 3, 28]), &["densenet:depth=7,growth=2, line ", "avg-pool", "fits into 1 pixels"]);
}
