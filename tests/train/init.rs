mod pytorch;

use super::{initialized, narrow, network, short_recipe, split};
use crate::common::Dtype;
use crate::common::assert_error;
use crate::common::compare::assert_close;
use crate::common::networks::preset;
use crate::common::tolerance::{Check, tolerance};
use spikeslab::nets::{Description, Given, Network, Normalization, Role, WeightMode};
use spikeslab::packed::PackedModel;
use spikeslab::train::fit::Position;
use spikeslab::train::init::{Init, checksum, copy, unfold};
use spikeslab::train::{Run, Trainer, checkpoint};
use std::collections::BTreeMap;
use std::path::Path;

/// Creates a run in `dir` with a checkpoint after one step, and returns its network.
fn run(dir: &Path) -> Network<f32> {
    let mut trainer = Trainer::new(network("mlp", narrow("mlp"), 6), short_recipe(), 64).unwrap();
    let (x, labels) = split(64, 10, 6).train.batch(&(0..16).collect::<Vec<_>>());
    trainer.step(x, &labels).unwrap();
    drop(Run::create(dir, &super::config::config()).unwrap());
    checkpoint::save(&Run::checkpoint_path(dir), &trainer, &Position::default(), None).unwrap();
    trainer.network
}

/// The network of the run in `dir`.
fn of_run(dir: &Path) -> Network<f32> {
    checkpoint::load(&Run::checkpoint_path(dir)).unwrap().network
}

#[test]
fn the_weights_norms_and_statistics_are_taken_over() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("run");
    let from = run(&dir);
    let mut to = network("mlp", narrow("mlp"), 6);
    let begin = to.clone();
    let init = Init::new(&dir, BTreeMap::new(), Vec::new(), &of_run(&dir)).unwrap();
    init.copy(&of_run(&dir), &mut to).unwrap();
    for ((to, from), begin) in to.parameters().iter().zip(from.parameters()).zip(begin.parameters()) {
        let is_new = matches!(to.role, Role::LogSigma2 | Role::Levels);
        assert_eq!(to, if is_new { begin } else { from }, "{}", to.name);
    }
    assert_eq!(init.path, dir.canonicalize().unwrap());
}

#[test]
fn a_run_that_has_gone_on_or_is_another_network_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("run");
    run(&dir);
    let from = of_run(&dir);
    let init = Init::new(&dir, BTreeMap::new(), Vec::new(), &from).unwrap();
    let mut wide: Network<f32> = initialized(preset("mlp", [1, 6, 6]));
    assert_error(init.copy(&from, &mut wide), &["weights of the same network", "fc1.theta", "[36, 256]"]);
    let mut deep: Network<f32> = initialized(preset("lenet5", [1, 28, 28]));
    assert_error(
        init.copy(&from, &mut deep),
        &["weights of the same network", "conv1.theta", "no tensor of that name"],
    );
    let other = Init { checksum: init.checksum ^ 1, ..init.clone() };
    let mut to = network("mlp", narrow("mlp"), 6);
    let before = to.clone();
    assert_error(
        other.copy(&from, &mut to),
        &["the weights that a run was begun with", &format!("{:08x}", init.checksum)],
    );
    assert_eq!(to, before);
}

#[test]
fn the_first_parameter_that_differs_is_named() {
    let from: Network<f32> = network("mlp", &[12, 8, 10], 6);
    let mut to: Network<f32> = network("mlp", &[12, 9, 10], 6);
    assert_error(copy(&from, &mut to, &[]), &["fc2.theta", "[12, 9]", "[12, 8]"]);
    let of = |text: &str| initialized(Description::new("net", text).graph(Given::default()).unwrap());
    let [mut whole, mut short]: [Network<f32>; 2] =
        ["input 1x2x2\nflatten\nfc1 dense 3\nfc2 dense 2\n", "input 1x2x2\nflatten\nfc1 dense 3\n"].map(of);
    assert_error(copy(&short, &mut whole, &[]), &["fc2.theta: expected shape [3, 2]", "no tensor of that name"]);
    // What is in lines that the other network lacks is named.
    assert_eq!(copy(&whole, &mut short, &[]).unwrap(), ["fc2.theta"]);
    let mut biased: Network<f32> = of("input 1x2x2\nflatten\nfc1 dense 3 bias\n");
    assert_error(copy(&biased, &mut short, &[]), &["fc1.bias: expected no tensor of that name", "(saw: one)"]);
    assert!(copy(&short, &mut biased, &[]).is_err());
}

/// A network for other classes takes over everything but its last layer.
#[test]
fn the_parameters_of_excepted_lines_stay_as_they_are() {
    let from: Network<f32> = network("mlp", &[12, 8, 10], 6);
    let mut to: Network<f32> = initialized(preset("mlp", [1, 6, 6]));
    let last = to.graph().layers().last().map(|layer| layer.name.clone()).expect("a layer");
    assert_error(copy(&from, &mut to, &[last]), &["fc1.theta", "[36, 256]", "[36, 12]"]);

    let mut wide: Network<f32> = network("mlp", &[12, 8, 7], 6);
    assert_error(copy(&from, &mut wide, &[]), &["fc3.theta", "[8, 7]", "[8, 10]"]);
    let before = wide.clone();
    let except = ["fc3".to_string(), "bn2".to_string()];
    assert!(copy(&from, &mut wide, &except).expect("the same but for fc3").is_empty());
    for ((to, from), before) in wide.parameters().iter().zip(from.parameters()).zip(before.parameters()) {
        let is_new = matches!(to.role, Role::LogSigma2 | Role::Levels) || except.contains(&to.line().to_string());
        assert_eq!(to, if is_new { before } else { from }, "{}", to.name);
    }
    assert_ne!(checksum(&from, &[]), checksum(&from, &except));
    assert_eq!(checksum(&from, &except), checksum(&wide, &except));
}

/// A normalization that is not taken over has no statistics to unfold.
#[test]
fn a_normalization_of_an_excepted_line_is_not_unfolded() {
    let mut unfolded: Network<f32> = network("lenet5", narrow("lenet5"), 28);
    let before = unfolded.clone();
    let except = ["bn1".to_string()];
    unfold(&mut unfolded, &split(128, 10, 28).train, &except).expect("enough images");
    let norms = unfolded.parameters().iter().zip(before.parameters()).filter(|(seen, _)| seen.role == Role::RunningVar);
    let kept: Vec<&str> = norms.filter(|(seen, before)| seen == before).map(|(seen, _)| seen.line()).collect();
    assert_eq!(kept, ["bn1"]);
}

/// Unfolding changes no logits under running statistics. With the batch's statistics, the unfolded network's logits
/// differ little from these, the folded network's logits much: its statistics are not those of its inputs.
#[test]
fn unfolding_keeps_the_logits() {
    let data = split(128, 10, 28).train;
    let (x, labels) = data.batch(&(0..128).collect::<Vec<_>>());
    let mut trainer =
        Trainer::new(network::<f32>("lenet5", narrow("lenet5"), 28), short_recipe(), 128).expect("a trainer");
    for _ in 0..3 {
        trainer.step(x.clone(), &labels).expect("a step");
    }
    let folded = PackedModel::new("net", &trainer.network, None).decode();
    let mut unfolded = folded.clone();
    unfold(&mut unfolded, &data, &[]).expect("enough images");
    let logits = |network: &Network<f32>, normalization| {
        network.forward(x.clone(), &WeightMode::Mean, normalization).expect("it fits").0
    };
    let expected = logits(&folded, Normalization::Running);
    let tolerance = tolerance("unfold", Dtype::F32, Check::Reference);
    assert_close("running", &logits(&unfolded, Normalization::Running), &expected, tolerance);
    // The batch's variance is biased, the running one is not: they differ by 1/127 at most, in four normalizations.
    let largest = |logits: ndarray::Array2<f32>| logits.iter().fold(0.0, |largest: f32, y| largest.max(y.abs()));
    let away = |network| largest(logits(network, Normalization::Batch) - &expected) / largest(expected.clone());
    assert!(away(&unfolded) < 4.0 / 127.0, "{}", away(&unfolded));
    assert!(away(&folded) > 0.1, "{}", away(&folded));
    // A network with statistics of its own stays as it is.
    let before = unfolded.clone();
    unfold(&mut unfolded, &data, &[]).expect("enough images");
    assert_eq!(unfolded, before);
}
