use crate::common::networks::preset;
use crate::packed::packed;
use spikeslab::nets::Network;
use spikeslab::packed::PackedModel;
use spikeslab::prior::Codebook;

#[test]
fn rows_of_whole_bytes_hold_the_weights_of_all_outputs() {
    // The number of rows that share a cell, and the bits of a cell.
    for (levels, in_cell, bits) in [(2, 4, 4), (3, 2, 4), (4, 2, 4), (5, 1, 4), (16, 1, 4), (17, 1, 8), (256, 1, 8)] {
        let model = packed("lenet5", levels, 16);
        for layer in model.layers() {
            let (rows, columns) = match layer.shape[..] {
                [inputs, outputs] => (inputs, outputs),
                _ => (layer.weights() / layer.shape[0], layer.shape[0]),
            };
            let expected = rows.div_ceil(in_cell) * (columns * bits).div_ceil(8) + 16 + 4 * levels;
            assert_eq!(layer.resident_weight_bytes(), expected, "{}, {levels} levels", layer.name);
        }
    }
}

#[test]
fn weights_take_a_fifteenth_of_their_f32_in_memory_with_three_and_four_levels() {
    for (name, input) in [("lenet5", [1, 28, 28]), ("lenet-caffe", [1, 28, 28]), ("densenet", [3, 32, 32])] {
        for levels in [3, 4] {
            let codebook = Codebook::symmetric(levels).unwrap();
            let network = Network::<f32>::new(preset(name, input), &codebook);
            let model = PackedModel::new(name, &network, None);
            let weights: usize = model.layers().iter().map(|layer| layer.weights()).sum();
            let bytes = model.resident_weight_bytes();
            assert!(15 * bytes <= 4 * weights, "{name}: {bytes} bytes for {weights} weights");
        }
    }
}
