use super::packed;
use spikeslab::nets::{Architecture, Densenet, Network};
use spikeslab::packed::PackedModel;
use spikeslab::prior::Codebook;

/// The bits of a field, written out.
fn bits(levels: usize) -> usize {
    match levels {
        2 => 1,
        3 | 4 => 2,
        5..=16 => 4,
        _ => 8,
    }
}

#[test]
fn rows_of_whole_bytes_hold_the_weights_of_all_outputs() {
    for levels in [2, 3, 4, 5, 16, 17, 256] {
        let model = packed(Architecture::Lenet5, levels, 16);
        for layer in model.layers() {
            let (rows, columns) = match layer.shape[..] {
                [inputs, outputs] => (inputs, outputs),
                _ => (layer.weights() / layer.shape[0], layer.shape[0]),
            };
            assert_eq!(layer.fields.byte_len(), rows * (columns * bits(levels)).div_ceil(8) + 16, "{}", layer.name);
        }
    }
}

#[test]
fn weights_take_a_fifteenth_of_their_f32_in_memory_with_three_and_four_levels() {
    let densenet = Densenet::default();
    let networks = [
        (Architecture::Lenet5, [1, 28, 28], Architecture::Lenet5.hidden_widths().to_vec()),
        (Architecture::LenetCaffe, [1, 28, 28], Architecture::LenetCaffe.hidden_widths().to_vec()),
        (Architecture::Densenet { bottleneck: false }, [3, 32, 32], densenet.hidden_widths().unwrap()),
    ];
    for (architecture, input, hidden) in networks {
        let widths = [hidden, vec![10]].concat();
        for levels in [3, 4] {
            let codebook = Codebook::symmetric(levels).unwrap();
            let network: Network<f32> = architecture.network(input, &widths, &codebook).unwrap();
            let model = PackedModel::new(architecture, &widths, &network, None);
            let weights: usize = model.layers().iter().map(|layer| layer.weights()).sum();
            let bytes = model.resident_weight_bytes();
            assert!(15 * bytes <= 4 * weights, "{}: {bytes} bytes for {weights} weights", architecture.name());
        }
    }
}
