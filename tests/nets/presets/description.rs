use crate::common::assert_error;
use spikeslab::nets::presets::PRESETS;
use spikeslab::nets::{Description, Given, Graph, Role};

pub(super) fn graph(name: &str) -> Graph {
    Description::preset(name).expect("a preset").graph(Given::default()).expect("a network")
}

/// The number of elements of all parameters with these roles.
fn count(graph: &Graph, roles: &[Role]) -> usize {
    let of_role = graph.parameters.iter().filter(|parameter| roles.contains(&parameter.role));
    of_role.map(|parameter| parameter.shape.iter().product::<usize>()).sum()
}

/// The networks have ten classes, and images of the shape that each was published for.
#[test]
fn published_numbers_of_weights() {
    for (name, layers, weights) in [
        ("mlp", 3, 784 * 256 + 256 * 128 + 128 * 10),
        ("lenet5", 5, 44_190),
        ("lenet-caffe", 4, 430_500),
        ("densenet", 40, 1_001_616),
        // The numbers of the paper, and those of the projections.
        ("resnet20", 20 + 2, 268_336 + 2_560),
        ("resnet32", 32 + 2, 461_872 + 2_560),
        ("resnet44", 44 + 2, 655_408 + 2_560),
        ("resnet56", 56 + 2, 848_944 + 2_560),
    ] {
        let graph = graph(name);
        assert_eq!((graph.layers().count(), graph.weights(), graph.classes()), (layers, weights, 10), "{name}");
    }
}

/// Li et al. 2016: 2×(128-C3) + MP2 + 2×(256-C3) + MP2 + 2×(512-C3) + MP2 + 1024-FC + softmax.
#[test]
fn vgg7_has_the_layers_of_its_formula() {
    let graph = graph("vgg7");
    let (mut weights, mut channels, mut size) = (0, 3, 32);
    for outputs in [128, 256, 512] {
        for _ in 0..2 {
            weights += channels * outputs * 3 * 3;
            channels = outputs;
        }
        size /= 2;
    }
    weights += channels * size * size * 1024 + 1024 * 10;
    assert_eq!((graph.layers().count(), graph.weights()), (8, weights));
    // A normalization after every layer but the last, which is the only layer with a bias.
    assert_eq!(graph.norms().count(), 7);
    assert_eq!(count(&graph, &[Role::Gamma]), 2 * (128 + 256 + 512) + 1024);
    assert_eq!(count(&graph, &[Role::Bias]), 10);
}

#[test]
fn each_is_found_by_its_name() {
    for name in PRESETS {
        let preset = Description::preset(name).expect("a preset");
        assert_eq!((preset.name(), preset.short_name(), preset.is_preset()), (name, name, true));
        // The text has the shape of the images, and describes the same network when it is read from a file.
        assert!(preset.text().contains("\ninput ") || preset.text().starts_with("input "), "{name}");
        let own = Description::new(name, preset.text()).graph(Given { classes: Some(10), ..Given::default() });
        assert_eq!(own.expect("a network"), preset.graph(Given::default()).expect("a network"), "{name}");
    }
    for name in
        ["", "lenet", "LENET5", "lenet_caffe", "densenet-bottleneck", "resnet", "resnet110", "vgg", " mlp", "mlp ", ":"]
    {
        let seen = format!("(saw: {name})");
        assert_error(
            Description::preset(name),
            &["network", "mlp, lenet5, lenet-caffe, vgg7, densenet, resnet20", &seen],
        );
    }
}

#[test]
fn sizes_follow_a_colon() {
    let sized = Description::preset("densenet:growth=8,depth=22").expect("a preset");
    assert_eq!((sized.name(), sized.short_name()), ("densenet:growth=8,depth=22", "densenet"));
    assert_eq!(graph("densenet:growth=8,depth=22").layers().count(), 22);
    assert_eq!(graph("densenet:depth=40,growth=12,bottleneck=false,compression=1"), graph("densenet"));
    assert_eq!(graph("resnet20:width=16"), graph("resnet20"));
    assert_eq!(graph("resnet20:width=32").weights(), 4 * (268_336 + 2_560 - 432 - 640) + 2 * (432 + 640));
    assert_eq!(graph("densenet:"), graph("densenet"));
}

#[test]
fn invalid_sizes_are_refused() {
    for (name, parts) in [
        ("mlp:width=3", &["mlp", "no sizes: they are in its text", "(saw: width)"][..]),
        ("vgg7:depth=9", &["vgg7", "no sizes", "(saw: depth)"]),
        ("densenet:width=3", &["densenet", "sizes bottleneck, depth, growth, compression", "(saw: width)"]),
        ("resnet20:depth=20", &["resnet20", "sizes width", "(saw: depth)"]),
        ("densenet:depth", &["densenet", "sizes as in densenet:depth=22,growth=12, each once", "(saw: depth)"]),
        ("densenet:depth=22,depth=40", &["densenet", "each once", "(saw: depth=40)"]),
        ("densenet:depth=22,", &["densenet", "each once", "(saw: )"]),
        ("densenet:,", &["densenet", "each once"]),
        ("densenet:depth=", &["depth of densenet", "3n + 4: 7, 10", "(saw: )"]),
        ("densenet:depth=22:growth=3", &["depth of densenet", "(saw: 22:growth=3)"]),
        ("densenet:depth=1e20", &["depth of densenet", "(saw: 1e20)"]),
        ("densenet:depth=-7", &["depth of densenet", "(saw: -7)"]),
        ("densenet:bottleneck=yes", &["bottleneck of densenet", "true or false", "(saw: yes)"]),
        ("densenet:compression=NaN", &["compression of densenet", "above 0, up to 1", "(saw: NaN)"]),
        ("densenet:compression=0", &["compression of densenet", "above 0, up to 1", "(saw: 0)"]),
        ("densenet:growth=1001", &["growth of densenet", "1 to 1000", "(saw: 1001)"]),
        ("resnet20:width=0", &["width of resnet20", "1 to 1000", "(saw: 0)"]),
        ("resnet20:width=1001", &["width of resnet20", "1 to 1000", "(saw: 1001)"]),
        ("densenet:\ndepth=3", &["densenet", "(saw: \\ndepth)"]),
    ] {
        let error = Description::preset(name).expect_err(name);
        assert_eq!(error.exit_code(), 2, "{name}");
        assert_error::<()>(Err(error), parts);
    }
}

/// The largest sizes give a network, or an error as the text of such a network does.
#[test]
fn the_largest_sizes_end_in_a_network_or_an_error() {
    assert!(Description::preset("resnet56:width=1000").expect("a preset").graph(Given::default()).is_err());
    assert!(Description::preset("densenet:depth=1000,growth=1000").expect("a preset").graph(Given::default()).is_err());
    assert_eq!(graph("densenet:depth=1000,growth=1").layers().count(), 1000);
}

#[test]
fn images_and_classes_of_the_data_take_the_place_of_those_in_the_text() {
    for name in PRESETS {
        let preset = Description::preset(name).expect("a preset");
        let given = Given { input: Some([2, 36, 33]), classes: Some(7), outputs: None };
        let graph = preset.graph(given).expect("a network");
        assert_eq!((graph.input, graph.classes()), ([2, 36, 33], 7), "{name}");
    }
}

#[test]
fn a_text_is_called_by_its_file() {
    for (name, short) in
        [("nets/vgg.net", "vgg"), ("vgg", "vgg"), ("a.b.net", "a.b"), ("", "network"), ("..", "network")]
    {
        let description = Description::new(name, "flatten\ndense classes");
        assert_eq!((description.name(), description.short_name(), description.is_preset()), (name, short, false));
    }
    let description = Description::new("own.net", "input 1x2x2\nflatten\nrellu\ndense classes");
    let ten = Given { classes: Some(10), ..Given::default() };
    assert_error(description.graph(ten), &["own.net, line 3, rellu: expected an operation"]);
    // In a text that is not a preset, the line `input` is not a default: images must have this shape.
    let other = Given { input: Some([3, 2, 2]), ..ten };
    assert_error(
        Description::new("own.net", "input 1x2x2\nflatten\ndense classes").graph(other),
        &["line 1, input", "3x2x2"],
    );
}

#[test]
fn widths_of_older_files() {
    let graph = Description::with_widths("lenet5", [1, 16, 16], &[2, 3, 4, 5, 6]).expect("a network");
    let outputs: Vec<usize> = graph
        .layers()
        .map(|layer| graph.parameters[layer.theta].shape[if layer.name.starts_with("conv") { 0 } else { 1 }])
        .collect();
    assert_eq!(outputs, [2, 3, 4, 5, 6]);
    let bottleneck = Description::with_widths("densenet-bottleneck", [3, 8, 8], &[2; 10]).expect("a network");
    assert_eq!(bottleneck.layers().count(), 10);
    for (name, widths, parts) in [
        ("vgg7", &[3][..], &["network", "densenet-bottleneck", "(saw: vgg7)"][..]),
        ("densenet:depth=7", &[3; 7], &["network", "(saw: densenet:depth=7)"]),
        ("mlp", &[3, 4], &["mlp, line 10", "3 layers with weights", "(saw: 2)"]),
        ("mlp", &[3, 4, 5, 6], &["mlp, line 10", "3 layers with weights", "(saw: 4)"]),
        ("densenet", &[3; 8], &["depth of densenet", "3n + 4", "(saw: 8)"]),
        ("mlp", &[3, 0, 4], &["mlp", "outputs", "(saw: 0)"]),
    ] {
        assert_error(Description::with_widths(name, [1, 28, 28], widths), parts);
    }
}
