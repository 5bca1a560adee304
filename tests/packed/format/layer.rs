//! The weights of a layer in the file.

use super::about::compressed;
use super::{Flaw, after_block, assert_flaws, read, sealed, small};
use crate::common::assert_error;
use crate::common::random::Random;
use crate::packed::codebook;
use flate2::Compression;
use flate2::write::GzEncoder;
use spikeslab::nets::{Description, Given, Graph, Network, Role};
use spikeslab::packed::PackedModel;
use spikeslab::packed::format::to_bytes;
use std::io::Write;

#[test]
fn numbers_of_weights_take_as_few_bytes_as_hold_them() {
    for (inputs, bytes) in [(127, 1), (128, 2), (32_767, 2), (32_768, 3)] {
        let text = format!("input 1x1x{inputs}\nflatten\nfc dense 2");
        let graph = Graph::parse("net", &text, Given::default()).unwrap();
        // All weights are at the first level, which takes no words, or all but the last weight.
        let mut network = Network::<f32>::new(graph, &codebook(2, 1));
        let theta = &mut network.parameters_mut()[0];
        theta.value.fill(-9.0);
        let model = PackedModel::new("net", &network, None);
        assert_eq!(model.layers()[0].code_bytes(), 2 * bytes, "{inputs}");
        assert_eq!(model.layers()[0].weight_bytes(), 2 * bytes + 8, "{inputs}");
        let file = to_bytes(&model);
        let code = file.len() - 4 - 2 * bytes;
        assert_eq!(file[code..code + bytes], (2 * inputs as u32).to_le_bytes()[..bytes], "{inputs}");
        assert_eq!(file[code + bytes..file.len() - 4], vec![0; bytes], "{inputs}");
        assert_eq!(read(&file).unwrap(), model);
    }
}

#[test]
fn what_no_layer_has_is_refused_by_name() {
    let good = small();
    let layer = after_block(&good) + 1;
    let (levels, counts, number) = (layer + 1, layer + 13, layer + 15);
    let words = usize::from(good[number]);
    let scale = number + 1 + 4 * words;
    let bias = good.len() - 44;
    let [first, second] = [good[counts], good[counts + 1]];
    let last_word = scale - 4;
    let flaws: [Flaw<'_>; 13] = [
        (layer, &[0], &["fc1", "2 to 256 levels", "1"]),
        (levels, &f32::NAN.to_le_bytes(), &["finite numbers in fc1", "NaN"]),
        (levels, &1e10_f32.to_le_bytes(), &["fc1", "ascending"]),
        (counts, &[48, 1], &["at most 48 weights at the levels of fc1", "49"]),
        (counts, &[255, 255], &["at most 48 weights at the levels of fc1", "510"]),
        (counts, &[first + 1, second - 1], &["codes of fc1 that fit its numbers of weights"]),
        (counts, &[48, 0], &["codes of fc1 that fit its numbers of weights"]),
        (number, &[255], &["1020 bytes of fc1", "before the end of the file"]),
        (number, &[0], &["codes of fc1 that fit its numbers of weights"]),
        (number + 1, &[good[number + 1] ^ 1], &["codes of fc1 that fit its numbers of weights"]),
        (last_word, &[0; 4], &["codes of fc1 that fit its numbers of weights"]),
        (scale, &f32::INFINITY.to_le_bytes(), &["finite numbers in bn1.gamma", "inf"]),
        (bias, &f32::NEG_INFINITY.to_le_bytes(), &["finite numbers in fc3", "-inf"]),
    ];
    assert_flaws(&good, &flaws);
    // One word more than the weights need.
    let mut longer = [&good[..scale], &[1, 0, 0, 0], &good[scale..]].concat();
    longer[number] += 1;
    assert_error(read(&sealed(longer)), &["codes of fc1 that fit its numbers of weights"]);
}

/// If all weights are at one level, the file has no words for them; but a short file must not make the reader allocate
/// much memory.
#[test]
fn a_short_file_of_many_weights_is_refused() {
    let file = |inputs: usize, outputs: usize| {
        let text = format!("\0input 1x1x{inputs}\nflatten\nfc dense {outputs}");
        let block = compressed(text.as_bytes());
        let mut bytes = b"spikslab\x04\0\0\0\x03net".to_vec();
        bytes.extend((block.len() as u32).to_le_bytes());
        bytes.extend(block);
        bytes.extend([0, 1]);
        [-0.5_f32, 0.5].iter().for_each(|level| bytes.extend(level.to_le_bytes()));
        let weights = (inputs * outputs) as u32;
        let size = if weights < 1 << 24 { 3 } else { 4 };
        bytes.extend(&weights.to_le_bytes()[..size]);
        bytes.extend(vec![0; size + 4]);
        sealed(bytes)
    };
    let model = read(&file(2048, 2048)).unwrap();
    assert_eq!(model.layers()[0].occupancy(), [1 << 22, 0]);
    assert!(to_bytes(&model).len() < 100);
    assert_error(read(&file(2048, 2148)), &["model: expected at most", "weights in a file of", "(saw: 4399104)"]);
    assert_error(read(&file(16_384, 16_384)), &["model: expected at most", "weights in a file of", "(saw: 268435456)"]);
}

/// A packed LeNet-5 whose weights are at the levels with these shares.
fn lenet5(shares: &[f64]) -> PackedModel {
    let graph = Description::with_widths("lenet5", [1, 28, 28], &[6, 16, 120, 84, 10]).unwrap();
    let codebook = codebook(shares.len(), 1);
    let levels = codebook.levels().to_vec();
    let mut network = Network::new(graph, &codebook);
    let mut random = Random::new(1);
    for parameter in network.parameters_mut() {
        let mut value = || match parameter.role {
            Role::Theta => {
                let mut place = random.uniform(0.0, 1.0);
                let at = shares.iter().position(|share| {
                    place -= share;
                    place < 0.0
                });
                levels[at.unwrap_or(0)]
            }
            Role::RunningVar => random.uniform(0.5, 5.0) as f32,
            Role::Gamma => random.uniform(0.8, 1.2) as f32,
            _ => 0.3 * random.bell() as f32,
        };
        if parameter.role != Role::Levels {
            parameter.value.mapv_inplace(|_| value());
        }
    }
    PackedModel::new("lenet5", &network, None)
}

#[test]
fn a_file_is_as_long_as_the_entropy_of_the_levels_demands_and_gzip_makes_it_no_smaller() {
    for shares in [
        &[0.9, 0.1][..],
        &[0.5, 0.5],
        &[0.04, 0.92, 0.04],
        &[0.002, 0.5, 0.496, 0.002],
        &[0.01, 0.02, 0.1, 0.4, 0.3, 0.12, 0.03, 0.02],
    ] {
        let model = lenet5(shares);
        let file = to_bytes(&model);
        assert_eq!(read(&file).unwrap(), model);
        let mut ideal = file.len() as f64;
        for layer in model.layers() {
            let weights = layer.weights() as f64;
            let bits = |count: usize| count as f64 * (weights / count.max(1) as f64).log2();
            let entropy: f64 = layer.occupancy().into_iter().map(bits).sum();
            ideal += entropy / 8.0 - layer.code_bytes() as f64;
        }
        let over = file.len() as f64 / ideal - 1.0;
        assert!((0.0..0.02).contains(&over), "{shares:?}: {} bytes, {over} more than {ideal}", file.len());
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&file).unwrap();
        let zipped = gzip.finish().unwrap().len() as f64 / file.len() as f64;
        assert!(zipped > 0.98, "{shares:?}: gzip leaves {zipped} of {} bytes", file.len());
    }
}
