//! One function for each parser of untrusted files: it calls the parser with bytes and, if they are accepted, checks
//! the properties that an accepted file must have. The fuzz targets of `tests/fuzz` and the tests share these
//! functions.
//!
//! An error is one line. A parser may neither panic nor take more than a second or a gigabyte.

use spikeslab::nets::{Given, Graph, Network, WeightMode};
use spikeslab::oracle::tensors::File;
use spikeslab::oracle::{OPERATIONS, Operation, compute};
use spikeslab::packed::{PackedModel, format};
use spikeslab::prior::Codebook;
use spikeslab::train::data::cifar::{self, CIFAR10, CIFAR100};
use spikeslab::train::data::{Dataset, idx, npz};
use spikeslab::train::{Config, checkpoint};
use std::io::Cursor;
use std::path::Path;

/// Whether the parser accepts the bytes.
pub type Parser = fn(&[u8]) -> bool;

/// Every parser, by the name of its fuzz target and of its corpus.
pub const PARSERS: [(&str, Parser); 11] = [
    ("npz", npz),
    ("idx", idx),
    ("gz", gz),
    ("cifar", cifar),
    ("checkpoint", checkpoint),
    ("packed", packed),
    ("oracle", oracle),
    ("config", config),
    ("network", network),
    ("picture", picture),
    ("npy", npy),
];

/// The value, if it was accepted; the error must be one line.
fn accepted<T>(result: spikeslab::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let message = error.to_string();
            assert_eq!(message.lines().count(), 1, "{message:?}");
            None
        }
    }
}

/// Labels and images: the length of the labels' file in two bytes, that file, the images' file.
pub fn idx(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return false };
    let (labels, images) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    let Some(data) = accepted(idx::read(images, Path::new("images"), labels, Path::new("labels"))) else {
        return false;
    };
    // An accepted file has exactly the bytes of its images.
    let numbers = data.len() * data.shape().iter().product::<usize>();
    assert!([16, 20].map(|header| header + numbers).contains(&images.len()), "{} bytes", images.len());
    assert!([1, 2, 4].map(|bytes| 8 + bytes * data.len()).contains(&labels.len()), "{} bytes", labels.len());
    is_within_its_classes(&data)
}

/// Arrays of numpy in a zip archive.
pub fn npz(bytes: &[u8]) -> bool {
    let Some(split) = accepted(npz::read(Cursor::new(bytes), Path::new("data.npz"))) else { return false };
    assert_eq!((split.train.shape(), split.train.classes()), (split.test.shape(), split.test.classes()));
    is_within_its_classes(&split.train) && is_within_its_classes(&split.test)
}

/// Images of two labels, packed.
pub fn gz(bytes: &[u8]) -> bool {
    const LABELS: &[u8] = b"\0\0\x08\x01\0\0\0\x02\x03\x07";
    let images = spikeslab::train::data::gz::GzReader::new(bytes);
    let data = accepted(idx::read(images, Path::new("images.gz"), LABELS, Path::new("labels")));
    data.is_some_and(|data| is_within_its_classes(&data))
}

/// Records of CIFAR; the first byte chooses the data set and the label.
pub fn cifar(bytes: &[u8]) -> bool {
    let Some((which, records)) = bytes.split_first() else { return false };
    let layout = if which & 1 == 0 { &CIFAR10 } else { &CIFAR100 };
    let Some(data) = accepted(cifar::read(records, Path::new("batch.bin"), layout, which & 2 != 0)) else {
        return false;
    };
    assert_eq!(data.len() * layout.record(), records.len());
    is_within_its_classes(&data)
}

fn is_within_its_classes(data: &Dataset) -> bool {
    assert!(data.labels().iter().all(|label| usize::from(*label) < data.classes()));
    true
}

/// A checkpoint.
pub fn checkpoint(bytes: &[u8]) -> bool {
    let Some(state) = accepted(checkpoint::from_bytes(Path::new("checkpoint"), bytes)) else { return false };
    assert!(state.network.parameters().iter().flat_map(|parameter| &parameter.value).all(|value| value.is_finite()));
    assert!(state.moments.iter().flatten().flatten().all(|value| value.is_finite()));
    true
}

/// A packed model, the bytes of its file without its checksum.
pub fn packed(bytes: &[u8]) -> bool {
    let bytes = [bytes, &crc32fast::hash(bytes).to_le_bytes()].concat();
    let Some(model) = accepted(format::from_bytes(Path::new("model"), &bytes)) else { return false };
    // The same network has several texts, and an older file is written again in the present version.
    let again = format::to_bytes(&model);
    let read = format::from_bytes(Path::new("again"), &again).expect("what is written can be read");
    assert!(read == model && format::to_bytes(&read) == again, "it is read as another model");
    let [channels, height, width] = model.input();
    // A DenseNet accepts images of any size, and a small file may have many weights.
    let multiplications = model.graph().multiplications().fold(0, usize::saturating_add);
    if channels * height * width <= 3 * 32 * 32 && multiplications <= 1 << 26 {
        let logits = model.predict(ndarray::Array4::zeros((1, channels, height, width))).expect("images of its size");
        assert_eq!(logits.dim(), (1, model.graph().classes()));
    }
    true
}

/// The operations that take input; the operation of networks once for each of some presets, with the preset's name.
pub fn operations() -> Vec<(&'static Operation, Option<&'static str>)> {
    let (networks, others): (Vec<_>, Vec<_>) = OPERATIONS
        .iter()
        .filter(|operation| operation.takes_input())
        .partition(|operation| operation.name == "network");
    let presets = ["mlp", "lenet5", "lenet-caffe", "densenet"];
    let networks = networks.into_iter().flat_map(|network| presets.map(|preset| (network, Some(preset))));
    others.into_iter().map(|operation| (operation, None)).chain(networks).collect()
}

/// The input of an operation; the first byte chooses the operation and the prior.
pub fn oracle(bytes: &[u8]) -> bool {
    let operations = operations();
    let Some((which, file)) = bytes.split_first() else { return false };
    let (operation, preset) = operations[usize::from(*which) % operations.len()];
    let Some(file) = accepted(File::from_bytes(Path::new("in.safetensors"), file.to_vec())) else { return false };
    let prior = ["nearest", "mixture", "vnq", "windows", "quadrature"][usize::from(*which) / operations.len() % 5];
    let takes_prior = operation.options.iter().any(|option| option.name == "prior");
    let given = [("prior", takes_prior.then_some(prior)), ("network", preset)];
    let options: Vec<_> = given.iter().filter_map(|(name, value)| Some((name.to_string(), (*value)?.into()))).collect();
    accepted(compute(operation, Some(&file), &options)).is_some()
}

/// The configuration of a run, and all that is derived from it.
pub fn config(bytes: &[u8]) -> bool {
    let Some(config) = accepted(Config::from_json(Path::new("config.json"), bytes)) else { return false };
    if accepted(config.check(1000)).is_none() {
        return false;
    }
    if let Some(standardization) = &config.standardization {
        accepted(standardization.check(3));
    }
    accepted(config.graph_of(Given { input: Some([3, 32, 32]), classes: Some(10), outputs: None })).is_some()
}

/// A network's text, and the network.
pub fn network(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let given = Given { classes: Some(10), ..Given::default() };
    let Some(graph) = accepted(Graph::parse("network", text, given)) else { return false };
    let printed = graph.to_string();
    assert!(Graph::parse("printed", &printed, Given::default()).is_ok_and(|again| again == graph), "{printed}");
    let size = graph.multiplications().fold(graph.nodes.len() * graph.largest_value(), usize::saturating_add);
    if size <= 1 << 20 {
        let [channels, height, width] = graph.input;
        let network = Network::<f32>::new(graph, &Codebook::symmetric(3).expect("three levels"));
        let x = ndarray::Array4::zeros((2, channels, height, width));
        let logits = network.predict(x.clone(), &WeightMode::Quantized).expect("images of its size");
        assert_eq!(logits, PackedModel::new("network", &network, None).predict(x).expect("images of its size"));
        // Nothing but zeros.
        assert!(logits.iter().all(|logit| *logit == 0.0));
    }
    true
}

/// A PNG or JPEG file; the first byte is the number of channels of the model.
pub fn picture(bytes: &[u8]) -> bool {
    image(bytes, spikeslab::files::image::picture::decode)
}

/// An array of NumPy; the first byte is the number of channels of the model.
pub fn npy(bytes: &[u8]) -> bool {
    image(bytes, spikeslab::files::image::npy::decode)
}

/// Whether `decode` accepts an image of 4 × 3; its pixels must then be in [0, 1].
fn image(bytes: &[u8], decode: impl Fn(&Path, &[u8], [usize; 3]) -> spikeslab::Result<Vec<f32>>) -> bool {
    let Some((channels, file)) = bytes.split_first() else { return false };
    let shape = [usize::from(*channels), 4, 3];
    let Some(pixels) = accepted(decode(Path::new("image"), file, shape)) else { return false };
    assert_eq!(pixels.len(), shape.iter().product::<usize>());
    assert!(pixels.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
    true
}
