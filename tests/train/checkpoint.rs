use super::config::config;
use super::{bits, narrow, network, short_recipe, split};
use crate::common::networks::NETWORKS;
use crate::common::random::Random;
use crate::common::{assert_error, crc32};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};
use spikeslab::nets::{Description, Given, Network, Role};
use spikeslab::prior::Codebook;
use spikeslab::simd;
use spikeslab::train::checkpoint::{Checkpoint, Origin, load, save};
use spikeslab::train::fit::Position;
use spikeslab::train::{Config, Loss, Recipe, Trainer};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const POSITION: Position = Position { epoch: 1, epoch_step: 2, sum: Loss { loss: 0.1, nll: 1.0 / 3.0, kl: 1e-300 } };

/// A trainer after a few steps, so that no moment is zero.
fn trained(name: &str, widths: &[usize], size: usize) -> Trainer<f32> {
    let data = split(32, 10, size).train;
    let mut trainer = Trainer::new(network(name, widths, size), short_recipe(), 32).unwrap();
    for _ in 0..3 {
        let (x, labels) = data.batch(&(0..16).collect::<Vec<_>>());
        trainer.step(x, &labels).unwrap();
    }
    trainer
}

const TINY: [usize; 3] = [3, 2, 10];

fn origin() -> Origin {
    Origin::new(&config(), 7)
}

/// A directory with the checkpoint of a small network.
fn saved() -> (TempDir, PathBuf, Trainer<f32>) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("checkpoint.safetensors");
    let trainer = trained("mlp", &TINY, 2);
    save(&path, &trainer, &POSITION, Some(&origin())).unwrap();
    (dir, path, trainer)
}

#[test]
fn a_checkpoint_comes_back_bit_for_bit() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("checkpoint");
    for (name, origin) in NETWORKS.into_iter().zip([Some(origin()), None].into_iter().cycle()) {
        let widths = narrow(name);
        let mut trainer = trained(name, widths, 16);
        let first = trainer.network.parameters_mut()[0].as_slice_mut();
        (first[0], first[1], first[2]) = (-0.0, f32::MIN_POSITIVE / 4.0, f32::MAX);
        save(&path, &trainer, &POSITION, origin.as_ref()).unwrap();
        let bytes = fs::read(&path).unwrap();
        let loaded = load(&path).unwrap();
        assert_eq!((loaded.steps_taken, loaded.position, loaded.origin), (3, POSITION, origin.clone()));
        let mut second = Trainer::new(network(name, widths, 16), short_recipe(), 32).unwrap();
        (second.network, second.moments, second.steps_taken) = (loaded.network, loaded.moments, loaded.steps_taken);
        assert_eq!(second.network.graph(), trainer.network.graph());
        assert!(bits(&second) == bits(&trainer), "{name}");
        // The same run writes the same bytes.
        save(&path, &second, &POSITION, origin.as_ref()).unwrap();
        assert!(fs::read(&path).unwrap() == bytes, "{name}");
    }
}

#[test]
fn a_training_goes_on_from_a_checkpoint() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("checkpoint");
    let mut trainer = trained("mlp", &TINY, 2);
    // Three steps, two an epoch.
    let position = Position { epoch: 1, epoch_step: 1, ..Position::default() };
    save(&path, &trainer, &position, None).unwrap();
    let begun = |widths: &[usize]| Trainer::new(network("mlp", widths, 2), short_recipe(), 32).unwrap();
    let (mut resumed, there) = load(&path).unwrap().resume(&path, begun(&TINY)).unwrap();
    assert_eq!(there, position);
    let (x, labels) = split(32, 10, 2).train.batch(&(16..32).collect::<Vec<_>>());
    for trainer in [&mut trainer, &mut resumed] {
        trainer.step(x.clone(), &labels).unwrap();
    }
    assert!(bits(&resumed) == bits(&trainer));
    let other = load(&path).unwrap().resume(&path, begun(&[4, 2, 10]));
    assert_error(other, &["a checkpoint of this run, with weights [[4, 4]", "[4, 3]"]);
    let text = trainer.network.graph().to_string();
    let without: Vec<&str> = text.lines().filter(|line| line.trim() != "relu").collect();
    let graph = Description::new("linear", &without.join("\n")).graph(Given::default()).unwrap();
    let linear = Network::new(graph, &Codebook::symmetric(3).unwrap());
    let other = load(&path).unwrap().resume(&path, Trainer::new(linear, short_recipe(), 32).unwrap());
    assert_error(other, &["a checkpoint of this run", "the same weights and another text"]);
    save(&path, &trainer, &position, None).unwrap();
    assert_error(load(&path).unwrap().resume(&path, begun(&TINY)), &["step 1 in epoch 1 after 4 steps"]);
}

/// The parts of a safetensors file, which a test changes and puts together again.
pub(crate) struct Parts {
    metadata: HashMap<String, String>,
    tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
}

impl Parts {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
        let file = SafeTensors::deserialize(bytes).unwrap();
        let tensors = file.iter().map(|(name, tensor)| {
            (name.to_string(), (tensor.dtype(), tensor.shape().to_vec(), tensor.data().to_vec()))
        });
        Self { metadata: metadata.metadata().clone().unwrap(), tensors: tensors.collect() }
    }

    /// The file, with the checksums of its contents.
    pub(crate) fn sealed(&mut self) -> Vec<u8> {
        let checksums: Vec<(String, u32)> =
            self.tensors.iter().map(|(name, (_, _, data))| (name.clone(), crc32(data))).collect();
        self.header(|header| {
            let Some(stored) = header.get_mut("checksums") else { return };
            for (name, checksum) in checksums {
                if let Some(stored) = stored.get_mut(&name) {
                    *stored = json!(checksum);
                }
            }
        });
        self.bytes()
    }

    fn bytes(&self) -> Vec<u8> {
        let views = self
            .tensors
            .iter()
            .map(|(name, (dtype, shape, data))| (name.as_str(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
        safetensors::serialize(views, Some(self.metadata.clone())).unwrap()
    }

    /// Changes the header and updates its checksum. A header of version 1 has no checksum.
    pub(crate) fn header(&mut self, change: impl FnOnce(&mut Value)) {
        let Some(entry) = self.metadata.get_mut("spikeslab") else { return };
        let is_sealed = !entry.starts_with('{');
        let mut header: Value = serde_json::from_str(&entry[if is_sealed { 9 } else { 0 }..]).unwrap();
        change(&mut header);
        let text = header.to_string();
        *entry = if is_sealed { format!("{:08x} {text}", crc32(text.as_bytes())) } else { text };
    }

    /// Describes the network as version 1 does.
    fn older(mut self) -> Self {
        let header = json!({
            "version": 1, "network": "mlp", "input": [1, 2, 2], "widths": TINY, "levels": 3, "steps": 3, "epoch": 1,
            "epoch_step": 2, "epoch_sums": [0.1, 1.0 / 3.0, 1e-300],
        });
        self.metadata.insert("spikeslab".to_string(), header.to_string());
        self
    }

    pub(crate) fn set(&mut self, name: &str, index: usize, value: f32) {
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
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let header = header.as_object().unwrap();
    let (seal, run) = header["__metadata__"]["spikeslab"].as_str().unwrap().split_once(' ').unwrap();
    assert_eq!(seal, format!("{:08x}", crc32(run.as_bytes())));
    let run: Value = serde_json::from_str(run).unwrap();

    let mut names: Vec<String> = vec!["__metadata__".to_string()];
    let mut checksums = serde_json::Map::new();
    let mut ends = vec![(0, 0)];
    for (parameter, [first, second]) in trainer.network.parameters().iter().zip(&trainer.moments) {
        let name = &parameter.name;
        let mut stored = vec![(name.clone(), &parameter.value)];
        if !matches!(parameter.role, Role::RunningMean | Role::RunningVar) {
            stored.extend([(format!("adam.m.{name}"), first), (format!("adam.v.{name}"), second)]);
        }
        for (name, value) in stored {
            let entry = &header[&name];
            assert_eq!((entry["dtype"].as_str(), &entry["shape"]), (Some("F32"), &json!(value.shape())));
            let offset = |i: usize| entry["data_offsets"][i].as_u64().unwrap() as usize;
            let data = &bytes[8 + length..][offset(0)..offset(1)];
            let floats: Vec<u8> = value.iter().flat_map(|element| element.to_le_bytes()).collect();
            assert!(data == floats, "{name}");
            checksums.insert(name.clone(), json!(crc32(data)));
            names.push(name);
            ends.push((offset(0), offset(1)));
        }
    }
    names.sort();
    assert_eq!(
        header.keys().cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>(),
        names
    );
    let text = "input 1x2x2
     flatten
fc1  dense 3
bn1  norm
     relu
fc2  dense 2
bn2  norm
     relu
fc3  dense 10 bias";
    // Numbers as JSON writes them: 0.1 is the shortest decimal of its f32.
    let config: Value = serde_json::from_str(&serde_json::to_string(&config()).unwrap()).unwrap();
    let expected = json!({
        "version": 2, "network": text.lines().collect::<Vec<_>>(), "steps": 3, "epoch": 1, "epoch_step": 2,
        "epoch_sums": [0.1, 1.0 / 3.0, 1e-300],
        "origin": { "config": config, "test_checksum": 7, "vectors": simd::in_use() }, "checksums": checksums,
    });
    assert_eq!(run, expected);
    ends.sort_unstable();
    assert!(ends.windows(2).all(|pair| pair[0].1 == pair[1].0), "the data lie side by side");
    assert_eq!(ends.last().unwrap().1, bytes.len() - 8 - length);
}

fn loaded(path: &Path, bytes: &[u8]) -> spikeslab::Result<Checkpoint> {
    fs::write(path, bytes).unwrap();
    load(path)
}

type Flaw = fn(&mut Parts);

/// Checks that each flaw is refused with an error that contains its words.
fn assert_flaws(path: &Path, good: impl Fn() -> Parts, flaws: &[(&str, Flaw, &[&str])]) {
    assert!(loaded(path, &good().sealed()).is_ok(), "taken apart and put together");
    for (flaw, break_it, parts) in flaws {
        let mut file = good();
        break_it(&mut file);
        let outcome = loaded(path, &file.sealed());
        assert!(outcome.is_err(), "{flaw} passes");
        let named: Vec<&str> = parts.iter().copied().chain(["checkpoint.safetensors: expected"]).collect();
        assert_error(outcome, &named);
    }
}

/// Flaws that do not depend on the version.
const FLAWS_OF_TENSORS: [(&str, Flaw, &[&str]); 16] = [
    ("missing tensor", |p| drop(p.tensors.remove("fc2.theta")), &["fc2.theta", "[3, 2]", "none"]),
    ("missing moment", |p| drop(p.tensors.remove("adam.v.fc3.bias")), &["adam.v.fc3.bias", "[10]", "none"]),
    ("missing statistic", |p| drop(p.tensors.remove("bn1.running_var")), &["bn1.running_var", "[3]", "none"]),
    (
        "extra tensor",
        |p| drop(p.tensors.insert("fc4.theta".into(), (Dtype::F32, vec![1], vec![0; 4]))),
        &["the tensors of its network", "fc4.theta as well"],
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
    ("variance", |p| p.set("bn2.running_var", 1, -1.0), &["at least 0 in bn2.running_var", "-1"]),
    ("second moment", |p| p.set("adam.v.fc3.bias", 9, -0.5), &["at least 0 in adam.v.fc3.bias", "-0.5"]),
    ("levels that descend", |p| p.set("fc1.levels", 2, -0.5), &["a codebook in fc1.levels", "ascending"]),
    ("no header", |p| p.metadata.clear(), &["metadata entry \"spikeslab\"", "none"]),
];

/// Replaces a line of the network's text.
fn line(file: &mut Parts, number: usize, text: &str) {
    file.header(|header| header["network"][number - 1] = json!(text));
}

#[test]
fn what_is_not_exactly_a_checkpoint_is_refused_by_name() {
    let (_dir, path, _) = saved();
    let good = fs::read(&path).unwrap();
    assert_flaws(&path, || Parts::of(&good), &FLAWS_OF_TENSORS);
    let flaws: [(&str, Flaw, &[&str]); 15] = [
        ("version", |p| p.header(|h| h["version"] = json!(3)), &["format version 1 or 2", "3"]),
        ("version before", |p| p.header(|h| h["version"] = json!(1)), &["format version 1 or 2", "1"]),
        ("operation", |p| line(p, 2, "flattem"), &["line 2, flattem", "an operation"]),
        ("no network", |p| p.header(|h| h["network"] = json!([])), &["a network of one operation a line"]),
        ("classes", |p| line(p, 9, "fc3 dense classes bias"), &["line 9, classes", "number of classes"]),
        ("no images", |p| line(p, 1, ""), &["input CxHxW"]),
        ("other network", |p| line(p, 5, "relu\nfc4 dense 3"), &["a checksum of fc4.theta", "none"]),
        ("other widths", |p| line(p, 6, "fc2 dense 4"), &["fc2.theta", "[3, 4]", "[3, 2]"]),
        ("huge widths", |p| line(p, 3, "fc1 dense 65535"), &["fc1.theta", "65535"]),
        ("too huge widths", |p| line(p, 3, "fc1 dense 4294967296"), &["line 3, outputs", "65535", "4294967296"]),
        (
            "other levels",
            |p| p.tensors.get_mut("adam.m.fc1.levels").unwrap().1 = vec![1, 3],
            &["adam.m.fc1.levels", "[3]", "[1, 3]"],
        ),
        (
            "unknown field",
            |p| p.header(|h| h["lovels"] = json!(3)),
            &["header of a checkpoint", "unknown field `lovels`"],
        ),
        (
            "odd configuration",
            |p| p.header(|h| h["origin"]["config"]["recipe"]["seed"] = json!(-1)),
            &["header of a checkpoint", "-1"],
        ),
        (
            "missing checksum",
            |p| p.header(|h| drop(h["checksums"].as_object_mut().unwrap().remove("fc2.theta"))),
            &["a checksum of fc2.theta", "none"],
        ),
        (
            "no seal",
            |p| {
                let entry = p.metadata.get_mut("spikeslab").unwrap();
                *entry = entry[9..].to_string();
            },
            &["header of a checkpoint"],
        ),
    ];
    assert_flaws(&path, || Parts::of(&good), &flaws);
}

#[test]
fn a_checkpoint_of_version_1_has_no_origin_and_is_as_strict() {
    let (_dir, path, trainer) = saved();
    let good = fs::read(&path).unwrap();
    let older = || Parts::of(&good).older();
    let state = loaded(&path, &older().bytes()).unwrap();
    assert_eq!((state.steps_taken, state.position, state.origin), (3, POSITION, None));
    assert_eq!((&state.network, &state.moments), (&trainer.network, &trainer.moments));
    assert_flaws(&path, older, &FLAWS_OF_TENSORS);
    let flaws: [(&str, Flaw, &[&str]); 8] = [
        (
            "version",
            |p| p.header(|h| h["version"] = json!(2)),
            &["format version 1 in a header without checksum", "(saw: 2)"],
        ),
        ("network", |p| p.header(|h| h["network"] = json!("mlp2")), &["mlp, lenet5, lenet-caffe", "mlp2"]),
        ("other network", |p| p.header(|h| h["network"] = json!("lenet5")), &["a checkpoint", "lenet5"]),
        ("fewer widths", |p| p.header(|h| h["widths"] = json!([3, 10])), &["3 layers with weights", "2"]),
        ("other widths", |p| p.header(|h| h["widths"] = json!([3, 4, 10])), &["fc2.theta", "[3, 4]", "[3, 2]"]),
        ("huge widths", |p| p.header(|h| h["widths"] = json!([65535, 3, 10])), &["fc1.theta", "65535"]),
        (
            "too huge widths",
            |p| p.header(|h| h["widths"] = json!([3, 2, 4_294_967_296_u64])),
            &["from 1 to 65535", "4294967296"],
        ),
        (
            "unknown field",
            |p| p.header(|h| h["lovels"] = json!(3)),
            &["header of a checkpoint", "unknown field `lovels`"],
        ),
    ];
    assert_flaws(&path, older, &flaws);
}

#[test]
fn a_changed_byte_of_a_tensor_or_of_the_header_is_noticed() {
    let (_dir, path, _) = saved();
    let good = fs::read(&path).unwrap();
    let data = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    for at in data..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        assert_error(loaded(&path, &bytes), &["as it was written, checksum "]);
    }
    for entry in ["seed", "fc2  dense", "test_checksum", "epoch_sums"] {
        let at = good.windows(entry.len()).position(|part| part == entry.as_bytes()).unwrap();
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        assert_error(loaded(&path, &bytes), &["a header of checksum "]);
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
    // Mutations of the present version, most of which the checksums detect; and of version 1, which has no checksums.
    for (good, most) in [(good.clone(), 3000), (Parts::of(&good).older().bytes(), 2999)] {
        let mut random = Random::new(1);
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
        assert!((1500..=most).contains(&refused), "{refused}");
    }
}

#[test]
fn what_differs_between_a_run_and_its_checkpoint_is_named() {
    let names = |run: &Origin, checkpoint: &Origin, steps| {
        run.differences(checkpoint, steps).into_iter().map(|(name, ..)| name).collect::<Vec<_>>()
    };
    let with = |config| Origin::new(&config, 7);
    assert!(names(&origin(), &origin(), 0).is_empty());
    assert_eq!(names(&Origin::new(&config(), 8), &origin(), 0), ["test_checksum"]);
    let elsewhere = Config { data: Some("elsewhere".into()), coarse: false, ..config() };
    assert_eq!(names(&with(elsewhere), &origin(), 0), ["config.coarse"], "where the data lie is no difference");
    let other = Config { recipe: Recipe { seed: 1, epochs: 6, ..config().recipe }, ..config() };
    let [epochs, seed] = ["config.recipe.epochs", "config.recipe.seed"];
    assert_eq!(names(&with(other.clone()), &origin(), 0), [epochs, seed]);

    // A change of the epochs at exactly this step is not a difference; a change at another step is.
    let (more, most) = (config().with_epochs(6, 40), config().with_epochs(6, 40).with_epochs(8, 40));
    for run in [more.clone(), most] {
        assert!(names(&with(run.clone()), &origin(), 40).is_empty());
        assert_eq!(names(&with(run.clone()), &origin(), 41), ["config.earlier_epochs", epochs]);
        let other = Config { recipe: Recipe { seed: 1, ..run.recipe.clone() }, ..run };
        assert_eq!(names(&with(other), &origin(), 40), [seed]);
    }
    // A checkpoint of a later configuration does not fit an earlier one.
    assert_eq!(names(&origin(), &with(more), 40), ["config.earlier_epochs", epochs]);
}
