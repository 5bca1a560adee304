//! The checks that every preset must pass, and a module for each preset with golden values or numbers from its paper.

mod densenet;
mod description;
mod lenet5;
mod lenet_caffe;
mod mlp;
mod resnet;

use crate::common::assert_error;
use crate::common::networks::{NETWORKS, preset, preset_of};
use spikeslab::nets::{Description, Given, Network};
use spikeslab::prior::Codebook;

/// A preset with three levels for images of shape `input`, before training.
fn network(name: &str, input: [usize; 3], classes: usize) -> Network<f32> {
    let given = Given { input: Some(input), classes: Some(classes), outputs: None };
    let graph = Description::preset(name).expect("a preset").graph(given).expect("a network");
    Network::new(graph, &Codebook::symmetric(3).expect("three levels"))
}

/// The names of the layers of the published network, and their numbers of outputs.
fn published(network: &str) -> (Vec<String>, Vec<usize>) {
    let graph = preset(preset_of(network), [3, 32, 32]);
    let outputs = |theta: &[usize]| if theta.len() == 2 { theta[1] } else { theta[0] };
    let widths = graph.layers().map(|layer| outputs(&graph.parameters[layer.theta].shape)).collect();
    (graph.layers().map(|layer| layer.name.clone()).collect(), widths)
}

#[test]
fn widths_are_for_the_networks_that_have_them() {
    for name in NETWORKS {
        assert!(Description::with_widths(name, [3, 32, 32], &published(name).1).is_ok(), "{name}");
    }
    for name in ["", "lenet", "resnet20", "densenet:depth=7"] {
        let refused = Description::with_widths(name, [3, 32, 32], &[4; 20]);
        assert_error(refused, &["network", &NETWORKS.join(", "), &format!("(saw: {name})")]);
    }
}

#[test]
fn widths_that_do_not_fit_are_refused() {
    for name in NETWORKS {
        let (layers, widths) = published(name);
        let count = widths.len();
        let with_widths = |widths: &[usize]| Description::with_widths(name, [3, 32, 32], widths);
        assert_eq!(with_widths(&widths).expect("its own outputs").layers().count(), count);
        for depth in [0, 1, count - 1, count + 1] {
            let expected = match name {
                "densenet" => "3n + 4: 7, 10".to_string(),
                "densenet-bottleneck" => "6n + 4: 10, 16".to_string(),
                _ => format!("{count} layers with weights"),
            };
            assert_error(with_widths(&vec![4; depth]), &[&expected, &depth.to_string()]);
        }
        for (position, layer) in layers.iter().enumerate() {
            let mut zero = vec![4; count];
            zero[position] = 0;
            let line = line_of(name, layer);
            assert_error(with_widths(&zero), &[&format!("line {line}, outputs"), "from 1 to 65535", "(saw: 0)"]);
        }
    }
}

/// The number of a layer's line in the text of a preset.
fn line_of(network: &str, layer: &str) -> usize {
    let description = Description::preset(preset_of(network)).expect("a preset");
    description.text().lines().position(|line| line.split_whitespace().next() == Some(layer)).expect("a line") + 1
}

#[test]
fn sizes_no_image_or_layer_has_are_refused() {
    for name in NETWORKS {
        let (_, widths) = published(name);
        let widths = vec![4; widths.len()];
        assert!(Description::with_widths(name, [1, 28, 65_535], &widths).is_ok(), "{name}");
        for input in [[1, 28, 65_536], [usize::MAX, 28, 28], [1, 0, 28]] {
            let refused = Description::with_widths(name, input, &widths);
            assert_error(refused, &["input", "sizes from 1 to 65535"]);
        }
        let mut wide = widths.clone();
        wide[0] = 65_536;
        assert_error(
            Description::with_widths(name, [1, 28, 28], &wide),
            &["outputs", "from 1 to 65535", "(saw: 65536)"],
        );
    }
}

#[test]
fn images_too_small_for_the_kernels_are_refused() {
    for name in ["lenet5", "lenet-caffe"] {
        let (_, widths) = published(name);
        // With 16 pixels one pixel is left for fc1, with 15 none.
        assert!(Description::with_widths(name, [1, 16, 16], &widths).is_ok());
        for input in [[1, 15, 16], [1, 16, 13], [1, 4, 28]] {
            assert_error(Description::with_widths(name, input, &widths), &[name, "line ", "fits into"]);
        }
    }
}
