use super::{bytes, graphs, model, models};
use crate::common::Dtype;
use crate::common::compare::assert_close;
use crate::common::external::{is_there, succeed};
use crate::common::tolerance::{Check, tolerance};
use ndarray::{Array2, Array4};
use rayon::prelude::*;
use spikeslab::export::c::source;
use spikeslab::nets::{Given, Graph};
use spikeslab::packed::PackedModel;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The compiler options for every file.
const STRICT: [&str; 7] = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic", "-O1"];

/// Compiles the model's file with a main program, runs it, and returns the logits and the class of each image.
#[track_caller]
fn run(model: &PackedModel, x: &Array4<f32>, compiler: &[&str], emulator: &[&str]) -> (Array2<f32>, Vec<f32>) {
    let dir = tempfile::tempdir().unwrap();
    let (file, program) = (dir.path().join("model.c"), dir.path().join("program"));
    fs::write(&file, source(model).unwrap().text).unwrap();
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export/c/main.c");
    let (image, classes) = (x.len() / x.dim().0, model.graph().classes());
    succeed(
        Command::new(compiler[0])
            .args(&compiler[1..])
            .args(STRICT)
            .args([format!("-DIMAGE={image}"), format!("-DCLASSES={classes}"), "-o".into()])
            .args([&program, &main, &file]),
    );
    let command: Vec<&str> = emulator.iter().copied().chain(program.to_str()).collect();
    let mut command =
        Command::new(command[0]).args(&command[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = command.stdin.take().unwrap();
    let pixels = bytes(x);
    let feed = std::thread::spawn(move || input.write_all(&pixels));
    let output = command.wait_with_output().unwrap();
    feed.join().unwrap().unwrap();
    assert!(output.status.success(), "{}: {}", model.name, output.status);
    let floats: Vec<f32> = output.stdout.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let rows = Array2::from_shape_vec((x.dim().0, classes + 1), floats).unwrap();
    (rows.slice(ndarray::s![.., ..classes]).to_owned(), rows.column(classes).to_vec())
}

/// Asserts that logits and classes are those of the packed model.
#[track_caller]
fn check(model: &PackedModel, x: &Array4<f32>, compiler: &[&str], emulator: &[&str]) {
    let (logits, classes) = run(model, x, compiler, emulator);
    let expected = model.predict(x.clone()).unwrap();
    assert_close(&model.name, &logits, &expected, tolerance("export", Dtype::F32, Check::Reference));
    for (row, class) in logits.outer_iter().zip(classes) {
        let first_largest = (0..row.len()).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        assert_eq!(class, first_largest as f32, "{}", model.name);
    }
}

/// The program is compiled so that an access beyond an array or other undefined behaviour of C ends it.
#[test]
fn every_network_computes_the_logits_of_the_packed_model() {
    if is_there("export::c", "CC", "cc", &["--version"]) {
        let compiler = ["cc", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
        models().collect::<Vec<_>>().par_iter().for_each(|(_, model, x)| check(model, x, &compiler, &[]));
    }
}

#[test]
fn on_arm() {
    const TEST: &str = "export::c on Arm";
    let compiler = ["arm-linux-gnueabihf-gcc", "-static"];
    if is_there(TEST, "ARM", compiler[0], &["--version"]) && is_there(TEST, "ARM", "qemu-arm", &["--version"]) {
        let of_three_levels = |(name, ..): &(String, PackedModel, Array4<f32>)| name.ends_with(" 3 levels");
        let models: Vec<_> = models().filter(of_three_levels).collect();
        models.par_iter().for_each(|(_, model, x)| check(model, x, &compiler, &["qemu-arm"]));
    }
}

/// The sizes in the heading of the file: constants are the sum of all stored bytes; memory is no less than a step
/// needs.
#[test]
fn sizes() {
    let model = model(graphs().swap_remove(1), 3);
    let source = source(&model).unwrap();
    let fields: usize = model.layers().iter().map(|layer| layer.weights().div_ceil(4)).sum();
    let floats = 3 * model.layers().len() + 10 + 2 * (6 + 16 + 120 + 84);
    assert_eq!(source.constant_bytes, fields + 4 * floats);
    // The outputs of the first convolution and of its pooling.
    assert_eq!(source.memory_bytes, 4 * (6 * 24 * 24 + 6 * 12 * 12));
    for size in [source.constant_bytes, source.memory_bytes] {
        assert!(source.text.contains(&format!("{size} bytes")), "{size}");
    }
    assert!(source.text.lines().all(|line| line.len() <= 120 && line.trim_end() == line));
    assert!(!source.text.contains("average_pool") && !source.text.contains("static void copy"));
}

/// The values on both paths of a residual unit, and the values that a dense block still reads, stay in memory; no
/// others do.
#[test]
fn memory_is_used_again() {
    let memory = |text: &str| {
        let graph = Graph::parse("text", text, Given::default()).unwrap();
        source(&model(graph, 2)).unwrap().memory_bytes / 4
    };
    let chain = "input 1x8x8\nconv 2 1x1\nconv 3 1x1\nconv 1 1x1\nconv 3 1x1\nflatten\ndense 2";
    assert_eq!(memory(chain), 64 * 5);
    let residual = "input 1x8x8\na conv 2 1x1\nb conv 2 1x1\nc conv 2 1x1\nadd of c a\nrelu\nflatten\ndense 2";
    assert_eq!(memory(residual), 64 * 6);
    let block =
        "input 1x8x8\na conv 2 1x1\nb conv 1 1x1\nc concat of a b\nd conv 1 1x1\nconcat of c d\nflatten\ndense 2";
    assert_eq!(memory(block), 64 * (3 + 1 + 4));
}

/// Names and texts from outside neither end a comment nor become identifiers unchanged.
#[test]
fn hostile_names() {
    let mut model = model(graphs().swap_remove(8), 3);
    model.name = "*/ int x; /*??/\n\u{1b}[2J\u{202e} */*??????/".to_string();
    let text = source(&model).unwrap().text;
    let heading = &text[..text.find("#include").unwrap()];
    assert_eq!((heading.matches("*/").count(), heading.matches("/*").count()), (1, 1), "{heading}");
    assert!(!heading.contains("??") && heading.chars().all(|c| c == '\n' || !c.is_control()));
    if is_there("export::c, hostile names", "CC", "cc", &["--version"]) {
        let [channels, height, width] = model.input();
        check(&model, &Array4::from_elem((1, channels, height, width), 0.5), &["cc"], &[]);
    }
}

#[test]
fn numbers_that_c_has_no_literal_for_are_refused() {
    let mut network = super::network(graphs().swap_remove(0), 3);
    let norm = network.graph().norms().next().unwrap().clone();
    network.parameters_mut()[norm.gamma].as_slice_mut()[3] = f32::MAX;
    network.parameters_mut()[norm.running_var].as_slice_mut()[3] = 0.0;
    let model = PackedModel::new("overflow", &network, None);
    crate::common::assert_error(source(&model), &["tensor bn1", "finite numbers", "(saw: inf)"]);
}

#[test]
fn of_equal_logits_the_first_class_is_returned() {
    if is_there("export::c, equal logits", "CC", "cc", &["--version"]) {
        let mut model = model(graphs().swap_remove(9), 3);
        model.standardization = None;
        let x = Array4::zeros((1, 3, 2, 2));
        let (logits, classes) = run(&model, &x, &["cc"], &[]);
        assert!(logits.iter().all(|logit| *logit == 0.0) && classes == [0.0], "{logits} {classes:?}");
    }
}
