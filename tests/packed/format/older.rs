//! Files of earlier versions, which this module writes according to their documentation.

use super::about::compressed;
use super::{Flaw, assert_flaws, assert_flaws_of_the_figures, patched, read, sealed};
use crate::common::random::Random;
use crate::packed::digits::pack;
use crate::packed::{packed, standardized};
use spikeslab::nets::Role;
use spikeslab::packed::PackedModel;
use spikeslab::packed::format::to_bytes;

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The file of a model named `mlp` with the network in `super::TEXT`: of version 3 if `with_text`, else of version 1,
/// or 2 if the model standardizes.
fn older(model: &PackedModel, with_text: bool) -> Vec<u8> {
    let figures = model.standardization.as_ref().map(|of| [floats(&of.mean), floats(&of.deviation)].concat());
    let standardizes = u8::from(figures.is_some());
    let mut bytes = b"spikslab".to_vec();
    bytes.extend([if with_text { 3 } else { 1 + standardizes }, 0, 0, 0, 3]);
    bytes.extend(b"mlp");
    if with_text {
        let text = compressed(model.graph().to_string().as_bytes());
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text);
        bytes.push(standardizes);
    } else {
        [1_u32, 2, 2].iter().for_each(|size| bytes.extend(size.to_le_bytes()));
        bytes.push(3);
        [12_u32, 8, 10].iter().for_each(|width| bytes.extend(width.to_le_bytes()));
    }
    bytes.extend(figures.unwrap_or_default());
    let network = model.decode();
    let of = |role: Role| network.parameters().iter().filter(move |parameter| parameter.role == role);
    let mut norms = of(Role::Gamma).zip(of(Role::Beta));
    for layer in model.layers() {
        bytes.push((layer.levels().len() - 1) as u8);
        bytes.extend(floats(layer.levels()));
        bytes.extend(pack(&layer.indices().collect::<Vec<_>>(), layer.levels().len()));
        bytes.extend(floats(layer.bias.as_deref().unwrap_or_default()));
        if let Some((scale, shift)) = norms.next() {
            bytes.extend([floats(scale.as_slice()), floats(shift.as_slice())].concat());
        }
    }
    bytes.extend([0; 4]);
    sealed(bytes)
}

/// The byte after the text of a file of version 3, which tells whether pixels are standardized.
fn after_text(bytes: &[u8]) -> usize {
    20 + u32::from_le_bytes(bytes[16..20].try_into().unwrap()) as usize
}

#[test]
fn their_models_are_read_as_the_same() {
    for model in [packed("mlp", 3, 2), standardized("mlp", 3, 2)] {
        for with_text in [false, true] {
            assert_eq!(read(&older(&model, with_text)).unwrap(), model);
        }
    }
}

#[test]
fn figures_of_a_standardization_that_cannot_be_are_refused() {
    for with_text in [false, true] {
        let bytes = older(&standardized("mlp", 3, 2), with_text);
        let figures = if with_text { after_text(&bytes) + 1 } else { 41 };
        assert_flaws_of_the_figures(&bytes, figures);
    }
    let bytes = older(&standardized("mlp", 3, 2), false);
    assert_flaws(&bytes, &[(8, &[1], &["model: expected"])]);
}

#[test]
fn what_none_of_their_models_has_is_refused_by_name() {
    let good = older(&packed("mlp", 3, 2), false);
    let (name, input, widths, layer) = (13, 16, 29, 41);
    let flaws: [Flaw<'_>; 10] = [
        (name, b"mlq", &["mlp, lenet5, lenet-caffe", "mlq"]),
        (name, b"\xff\n\0", &["name in UTF-8"]),
        (input, &[0xff; 12], &["sizes from 1 to 65535", "4294967295"]),
        (input, &[0; 12], &["sizes from 1 to 65535", "(saw: 0)"]),
        (
            input,
            &[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff],
            &["mlp", "at most 268435456 elements", "65535x65535x65535"],
        ),
        (input + 4, &[3], &["fc1"]),
        (input - 1 + 12 + 1, &[2], &["3 layers with weights", "2"]),
        (widths, &[0], &["mlp, line 4, outputs", "from 1 to 65535", "(saw: 0)"]),
        (widths, &[0xff, 0xff], &["bytes of fc1", "before the end of the file"]),
        (widths, &[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff], &["weights", "at most 268435456"]),
    ];
    assert_flaws(&good, &flaws);
    let with_text = older(&packed("mlp", 3, 2), true);
    for (good, layer) in [(&good, layer), (&with_text, after_text(&with_text) + 1)] {
        let codes = layer + 13;
        let flaws: [Flaw<'_>; 4] = [
            (layer, &[0], &["fc1", "2 to 256 levels", "1"]),
            (layer + 1, &f32::NAN.to_le_bytes(), &["finite numbers in fc1", "NaN"]),
            (codes, &[243], &["digits below 3 in fc1", "byte 243"]),
            (codes + 9, &[27], &["digits below 3 in fc1", "byte 27"]),
        ];
        assert_flaws(good, &flaws);
        // The last byte of fc1's codes has three digits: 48 weights, five per byte.
        read(&patched(good, codes + 9, &[26])).unwrap();
    }
    let flaws: [Flaw<'_>; 4] = [
        (16, &[0xff; 4], &["4294967295 bytes of network", "before the end of the file"]),
        (16, &[0; 4], &["a network's text, compressed by zlib"]),
        (20, &[0xff], &["a network's text, compressed by zlib"]),
        (after_text(&with_text), &[2], &["pixels", "2"]),
    ];
    assert_flaws(&with_text, &flaws);
}

#[test]
fn mutations_with_the_right_checksum_never_panic() {
    for model in [packed("mlp", 3, 2), standardized("mlp", 3, 2)] {
        for with_text in [false, true] {
            let good = older(&model, with_text);
            let mut random = Random::new(2);
            let mut accepted = 0;
            for i in 0..3000 {
                if let Ok(model) = read(&sealed(random.mutate(&good))) {
                    accepted += 1;
                    assert!(read(&to_bytes(&model)).unwrap() == model, "mutation {i} is written as another model");
                    let [channels, height, width] = model.input();
                    model.predict(ndarray::Array4::zeros((1, channels, height, width))).unwrap();
                }
            }
            assert!(accepted > 0 && accepted < 1500, "{accepted}");
        }
    }
}

#[test]
fn every_byte_of_the_head_at_every_value_never_panics() {
    for (good, head) in [(older(&packed("mlp", 3, 2), false), 8..60), (older(&packed("mlp", 3, 2), true), 8..40)] {
        for at in head {
            for value in 0..=255 {
                let _ = read(&patched(&good, at, &[value])).map(|model| to_bytes(&model));
            }
        }
    }
}
