use super::{Rng, bits, narrow, network, short_recipe, split};
use crate::common::assert_error;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use spikeslab::nets::{Architecture, Role};
use spikeslab::train::checkpoint::{Checkpoint, load, save};
use spikeslab::train::fit::Position;
use spikeslab::train::{Loss, Trainer};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const POSITION: Position = Position { epoch: 1, step: 2, sum: Loss { loss: 0.1, nll: 1.0 / 3.0, kl: 1e-300 } };

/// A trainer a few steps on, so that no moment is zero.
fn trained(architecture: Architecture, widths: &[usize], size: usize) -> Trainer<f32> {
    let data = split(32, 10, size).train;
    let mut trainer = Trainer::new(network(architecture, widths, size), short_recipe(), 32).unwrap();
    for _ in 0..3 {
        let (x, labels) = data.batch(&(0..16).collect::<Vec<_>>());
        trainer.step(x, &labels).unwrap();
    }
    trainer
}

const TINY: [usize; 3] = [3, 2, 10];

/// A directory with the checkpoint of a small network.
fn saved() -> (TempDir, PathBuf, Trainer<f32>) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("checkpoint.safetensors");
    let trainer = trained(Architecture::Mlp, &TINY, 2);
    save(&path, Architecture::Mlp, &TINY, &trainer, &POSITION).unwrap();
    (dir, path, trainer)
}

#[test]
fn a_checkpoint_comes_back_bit_for_bit() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("checkpoint");
    for architecture in Architecture::ALL {
        let widths = narrow(architecture);
        let mut trainer = trained(architecture, widths, 16);
        let first = trainer.network.parameters_mut()[0].as_slice_mut();
        (first[0], first[1], first[2]) = (-0.0, f32::MIN_POSITIVE / 4.0, f32::MAX);
        save(&path, architecture, widths, &trainer, &POSITION).unwrap();
        let bytes = fs::read(&path).unwrap();
        let loaded = load(&path).unwrap();
        assert_eq!((loaded.architecture, &loaded.widths[..]), (architecture, widths));
        assert_eq!((loaded.steps, loaded.position), (3, POSITION));
        let mut second = Trainer::new(network(architecture, widths, 16), short_recipe(), 32).unwrap();
        (second.network, second.moments, second.step) = (loaded.network, loaded.moments, loaded.steps);
        assert_eq!(second.network.plan(), trainer.network.plan());
        assert!(bits(&second) == bits(&trainer), "{}", architecture.name());
        // The same run gives the same bytes.
        save(&path, architecture, widths, &second, &POSITION).unwrap();
        assert!(fs::read(&path).unwrap() == bytes, "{}", architecture.name());
    }
}

/// The parts of a safetensors file, to be put together again in another way.
struct Parts {
    metadata: HashMap<String, String>,
    tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
        let file = SafeTensors::deserialize(bytes).unwrap();
        let tensors = file.iter().map(|(name, tensor)| {
            (name.to_string(), (tensor.dtype(), tensor.shape().to_vec(), tensor.data().to_vec()))
        });
        Self { metadata: metadata.metadata().clone().unwrap(), tensors: tensors.collect() }
    }

    fn bytes(&self) -> Vec<u8> {
        let views = self
            .tensors
            .iter()
            .map(|(name, (dtype, shape, data))| (name.as_str(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
        safetensors::serialize(views, Some(self.metadata.clone())).unwrap()
    }

    /// Replaces text in the header.
    fn header(&mut self, from: &str, to: &str) {
        let header = self.metadata.get_mut("spikeslab").unwrap();
        assert!(header.contains(from), "{header}");
        *header = header.replace(from, to);
    }

    fn set(&mut self, name: &str, index: usize, value: f32) {
        let (_, _, data) = self.tensors.get_mut(name).unwrap();
        data[4 * index..][..4].copy_from_slice(&value.to_le_bytes());
    }
}

#[test]
fn the_layout_is_that_of_safetensors_and_the_names_those_of_the_parameters() {
    let (_dir, path, trainer) = saved();
    let bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    assert_eq!(length % 8, 0, "the data are aligned");
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let header = header.as_object().unwrap();
    let run: serde_json::Value = serde_json::from_str(header["__metadata__"]["spikeslab"].as_str().unwrap()).unwrap();
    let expected = serde_json::json!({
        "version": 1, "network": "mlp", "input": [1, 2, 2], "widths": TINY, "levels": 3, "steps": 3, "epoch": 1,
        "epoch_step": 2, "epoch_sums": [0.1, 1.0 / 3.0, 1e-300],
    });
    assert_eq!(run, expected);

    let mut names: Vec<String> = vec!["__metadata__".to_string()];
    let mut ends = vec![(0, 0)];
    for (parameter, [first, second]) in trainer.network.parameters().iter().zip(&trainer.moments) {
        let name = &parameter.name;
        let mut stored = vec![(name.clone(), &parameter.value)];
        if !matches!(parameter.role, Role::RunningMean | Role::RunningVar) {
            stored.extend([(format!("adam.m.{name}"), first), (format!("adam.v.{name}"), second)]);
        }
        for (name, value) in stored {
            let entry = &header[&name];
            assert_eq!((entry["dtype"].as_str(), &entry["shape"]), (Some("F32"), &serde_json::json!(value.shape())));
            let offset = |i: usize| entry["data_offsets"][i].as_u64().unwrap() as usize;
            let data = &bytes[8 + length..][offset(0)..offset(1)];
            let floats: Vec<u8> = value.iter().flat_map(|element| element.to_le_bytes()).collect();
            assert!(data == floats, "{name}");
            names.push(name);
            ends.push((offset(0), offset(1)));
        }
    }
    names.sort();
    assert_eq!(
        header.keys().cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>(),
        names
    );
    ends.sort_unstable();
    assert!(ends.windows(2).all(|pair| pair[0].1 == pair[1].0), "the data lie side by side");
    assert_eq!(ends.last().unwrap().1, bytes.len() - 8 - length);
}

fn loaded(path: &Path, bytes: &[u8]) -> spikeslab::Result<Checkpoint> {
    fs::write(path, bytes).unwrap();
    load(path)
}

type Flaw = fn(&mut Parts);

#[test]
fn what_is_not_exactly_a_checkpoint_is_refused_by_name() {
    let (_dir, path, _) = saved();
    let good = fs::read(&path).unwrap();
    assert!(loaded(&path, &Parts::of(&good).bytes()).is_ok(), "taken apart and put together");
    let cases: [(&str, Flaw, &[&str]); 22] = [
        ("missing tensor", |p| drop(p.tensors.remove("fc2.theta")), &["fc2.theta", "[3, 2]", "none"]),
        ("missing moment", |p| drop(p.tensors.remove("adam.v.fc3.bias")), &["adam.v.fc3.bias", "[10]", "none"]),
        ("missing statistic", |p| drop(p.tensors.remove("bn1.running_var")), &["bn1.running_var", "[3]", "none"]),
        (
            "extra tensor",
            |p| drop(p.tensors.insert("fc4.theta".into(), (Dtype::F32, vec![1], vec![0; 4]))),
            &["the tensors of mlp", "fc4.theta as well"],
        ),
        (
            "moment of a statistic",
            |p| drop(p.tensors.insert("adam.m.bn1.running_mean".into(), (Dtype::F32, vec![3], vec![0; 12]))),
            &["adam.m.bn1.running_mean as well"],
        ),
        (
            "extra tensor of two lines",
            |p| drop(p.tensors.insert("a\nb".into(), (Dtype::F32, vec![0], vec![]))),
            &["as well"],
        ),
        ("misshapen", |p| p.tensors.get_mut("fc2.theta").unwrap().1 = vec![2, 3], &["fc2.theta", "[3, 2]", "[2, 3]"]),
        ("flat", |p| p.tensors.get_mut("fc2.theta").unwrap().1 = vec![6], &["fc2.theta", "[3, 2]", "[6]"]),
        (
            "F64",
            |p| drop(p.tensors.insert("bn2.beta".into(), (Dtype::F64, vec![2], vec![0; 16]))),
            &["bn2.beta", "F32", "F64"],
        ),
        ("I32", |p| p.tensors.get_mut("bn2.beta").unwrap().0 = Dtype::I32, &["bn2.beta", "F32", "I32"]),
        ("NaN", |p| p.set("fc1.log_sigma2", 5, f32::NAN), &["finite numbers in fc1.log_sigma2", "NaN"]),
        ("infinity", |p| p.set("adam.m.fc1.theta", 0, f32::NEG_INFINITY), &["adam.m.fc1.theta", "-inf"]),
        ("levels that descend", |p| p.set("fc1.levels", 2, -0.5), &["a codebook in fc1.levels", "ascending"]),
        ("version", |p| p.header("\"version\":1", "\"version\":2"), &["format version 1", "2"]),
        ("network", |p| p.header("\"mlp\"", "\"mlp2\""), &["mlp, lenet5, lenet-caffe", "mlp2"]),
        (
            "other network",
            |p| p.header("\"mlp\"", "\"lenet5\""),
            &["a checkpoint", "lenet5", "conv1, conv2, fc1, fc2, fc3"],
        ),
        ("other widths", |p| p.header("[3,2,10]", "[3,4,10]"), &["fc2.theta", "[3, 4]", "[3, 2]"]),
        ("huge widths", |p| p.header("[3,2,10]", "[65535,65535,65535]"), &["fc1.theta", "65535"]),
        ("too huge widths", |p| p.header("[3,2,10]", "[3,2,4294967296]"), &["at most 65535", "4294967296"]),
        ("other levels", |p| p.header("\"levels\":3", "\"levels\":4"), &["fc1.levels", "[4]", "[3]"]),
        ("unknown field", |p| p.header("\"levels\"", "\"lovels\""), &["header of a checkpoint", "unknown field"]),
        ("no header", |p| p.metadata.clear(), &["metadata entry \"spikeslab\"", "none"]),
    ];
    for (flaw, break_it, parts) in cases {
        let mut file = Parts::of(&good);
        break_it(&mut file);
        let outcome = loaded(&path, &file.bytes());
        assert!(outcome.is_err(), "{flaw} passes");
        let named: Vec<&str> = parts.iter().copied().chain(["checkpoint.safetensors: expected"]).collect();
        assert_error(outcome, &named);
    }
}

#[test]
fn a_file_of_another_kind_or_length_is_refused() {
    let (_dir, path, _) = saved();
    let good = fs::read(&path).unwrap();
    for length in 0..good.len() {
        assert_error(loaded(&path, &good[..length]), &["a safetensors file"]);
    }
    let longer = [&good[..], b"\0"].concat();
    let huge_header = [&u64::MAX.to_le_bytes()[..], &good[8..]].concat();
    let no_magic = [&good[..8], b"["].concat();
    for bytes in [&longer[..], &huge_header, &no_magic, b"PK\x03\x04 a zip file, as torch.save writes it"] {
        assert_error(loaded(&path, bytes), &["a safetensors file"]);
    }
    assert_error(load(&path.with_file_name("missing")), &["missing: No such file"]);
}

#[test]
fn mutations_are_refused_or_finite_but_never_a_panic() {
    let (_dir, path, _) = saved();
    let good = fs::read(&path).unwrap();
    let mut random = Rng(1);
    let mut refused = 0;
    for i in 0..3000 {
        match loaded(&path, &random.mutate(&good)) {
            Err(error) => {
                refused += 1;
                assert_eq!(error.to_string().lines().count(), 1, "mutation {i}: {error:?}");
            }
            Ok(checkpoint) => {
                let finite = checkpoint.network.parameters().iter().all(|p| p.value.iter().all(|v| v.is_finite()));
                assert!(finite, "mutation {i}");
            }
        }
    }
    assert!((1500..3000).contains(&refused), "{refused}");
}
