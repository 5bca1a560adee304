//! Every operation on tensors with unusual sizes and numbers, with unusual options: it returns outputs or a one-line
//! error, and never panics.

use super::{Stored, write};
use crate::common::compare::Tensor;
use crate::common::extremes::EXTREMES;
use crate::common::random::Random;
use spikeslab::oracle::catalogue::Input;
use spikeslab::oracle::tensors::File;
use spikeslab::oracle::{OPERATIONS, Operation, compute};
use std::collections::BTreeMap;
use tempfile::TempDir;

const NUMBERS: [f64; 14] =
    [0.0, -0.0, 1.0, -1.0, 1e-45, 5e-324, -100.0, 100.0, 1e19, -3.4e38, 3.4e38, -1e308, 1e308, f64::MAX];

/// Numbers that fit the operation, extreme numbers, or NaN.
fn values(random: &mut Random, len: usize) -> Vec<f64> {
    let kind = random.below(20);
    let value = |_| match kind {
        0..14 => random.below(2001) as f64 / 1000.0 - 1.0,
        14 | 15 => random.below(2001) as f64 / 1000.0,
        16..19 => NUMBERS[random.below(NUMBERS.len())],
        _ => [0.5, f64::NAN, f64::INFINITY][random.below(3)],
    };
    let mut values: Vec<f64> = (0..len).map(value).collect();
    // Levels must be distinct and ascending; for other inputs the order does not matter.
    if random.below(2) == 0 {
        values.sort_by(f64::total_cmp);
    }
    values
}

/// The shape that the catalogue has for an input, with a size for each letter.
fn shape(input: &Input, sizes: &mut BTreeMap<&'static str, Vec<usize>>, random: &mut Random) -> Vec<usize> {
    let is_convolution = sizes.contains_key("kh");
    let sized = |letter: &'static str| {
        let size = match letter {
            "…" => (0..random.below(3)).map(|_| 1 + random.below(3)).collect(),
            // A kernel of size 2 has two positions in three pixels, and one with the stride of a pooling.
            "H" | "W" => vec![3],
            "kh" | "kw" => vec![2],
            "OH" | "OW" => vec![if is_convolution { 2 } else { 1 }],
            "K" => vec![4],
            _ => vec![1 + random.below(3)],
        };
        let odd = if random.below(100) == 0 { Some(vec![[0, 7, 1000][random.below(3)]]) } else { None };
        odd.unwrap_or_else(|| sizes.entry(letter).or_insert(size).clone())
    };
    input.shape.split(", ").filter(|letter| !letter.is_empty()).flat_map(sized).collect()
}

fn input(operation: &Operation, random: &mut Random) -> Vec<Stored> {
    let mut sizes = BTreeMap::new();
    let single = random.below(2) == 0;
    let mut tensors = Vec::new();
    for input in operation.inputs.listed() {
        // C/groups is C, unless an unusual option is drawn.
        let input =
            Input { shape: if input.shape.contains("C/groups") { "O, C, kh, kw" } else { input.shape }, ..*input };
        let shape = shape(&input, &mut sizes, random);
        if random.below(60) == 0 || (input.optional && random.below(2) == 0) {
            continue;
        }
        let mut values = values(random, shape.iter().product());
        if ["t", "v", "running_var", "level_weights"].contains(&input.name) && random.below(4) > 0 {
            values.iter_mut().for_each(|value| *value = value.abs());
        }
        let tensor = Tensor { values, shape };
        let single = single != (random.below(50) == 0);
        let stored = if single {
            Stored::floats::<f32>(input.name, &tensor)
        } else {
            Stored::floats::<f64>(input.name, &tensor)
        };
        tensors.push(stored);
    }
    if operation.labels {
        let count = sizes.get("B").map_or(2, |size| size[0]);
        let values = (0..count).map(|_| [0.0, 1.0, 3.0, 3.0, 4.0, -1.0, 1e18][random.below(7)]).collect();
        tensors.push(Stored::integers("labels", &Tensor { shape: vec![count], values }));
    }
    tensors
}

/// Some of the operation's options, with one of their choices, a pair or an extreme value; kernels or definitions.
fn options(operation: &Operation, random: &mut Random) -> Vec<(String, String)> {
    let mut options = Vec::new();
    for option in operation.options {
        let choices: Vec<&str> = option.values.split([' ', ',']).filter(|choice| !choice.is_empty()).collect();
        let value = match random.below(12) {
            0 => EXTREMES[random.below(EXTREMES.len())].to_string(),
            1 => format!("{},{}", EXTREMES[random.below(EXTREMES.len())], random.below(4)),
            2 => ["1", "2", "3", "1,2", "2,0"][random.below(5)].to_string(),
            3 | 4 => choices[random.below(choices.len())].to_string(),
            _ => continue,
        };
        options.push((option.name.to_string(), value));
    }
    if random.below(2) == 0 {
        options.push(("kernels".to_string(), "true".to_string()));
    }
    options
}

#[test]
fn every_operation_gives_outputs_or_one_line() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("in.safetensors");
    let mut random = Random::new(9);
    for operation in OPERATIONS.iter().filter(|operation| !operation.inputs.listed().is_empty()) {
        let (mut computed, mut refused) = (0, 0);
        for _ in 0..600 {
            write(&path, &input(operation, &mut random));
            let file = File::read(&path).unwrap();
            match compute(operation, Some(&file), &options(operation, &mut random)) {
                Ok(_) => computed += 1,
                Err(error) => {
                    assert_eq!(error.to_string().lines().count(), 1, "{error}");
                    refused += 1;
                }
            }
        }
        assert!(computed >= 10 && refused >= 10, "{}: {computed} computed, {refused} refused", operation.name);
    }
}

/// Extreme values of each option of a network, with the smallest network.
#[test]
fn extremes_of_a_networks_options() {
    let tensors = super::networks::small("", None);
    for option in ["train-size", "kl-weight"] {
        for value in EXTREMES {
            // The result is outputs, or an error that `run` has checked.
            let _ = super::run("mlp", Some(&tensors), &[(option, value.to_string())]);
        }
    }
}

/// Each tensor of the file is small, but the network with these shapes would be large.
#[test]
fn a_network_larger_than_its_tensors_takes_no_memory() {
    let change = |name: &str, shape: [usize; 2]| super::networks::small(name, Some(shape.to_vec()));
    for name in ["fc1.theta", "fc2.theta"] {
        let outcome = super::run("mlp", Some(&change(name, [2, 60_000])), &[]);
        crate::common::assert_error(outcome, &["tensor ", "shape [", "(saw: ["]);
    }
    let mut both = change("fc1.theta", [2, 60_000]);
    let second = change("fc2.theta", [2, 60_000]).into_iter().find(|tensor| tensor.name == "fc2.theta");
    both.retain(|tensor| tensor.name != "fc2.theta");
    both.extend(second);
    crate::common::assert_error(
        super::run("mlp", Some(&both), &[]),
        &["tensor x", "at most 268435456 weights", "3600120000"],
    );
}

/// A padding and a stride with which the padded image would be extremely large.
#[test]
fn a_window_as_large_as_numbers_go() {
    let tensor = |shape: &[usize]| Tensor { shape: shape.to_vec(), values: vec![0.5; shape.iter().product()] };
    let of = |name: &str, shape: &[usize]| Stored::floats::<f64>(name, &tensor(shape));
    let tensors = [
        of("x", &[1, 1, 3, 3]),
        of("theta", &[1, 1, 2, 2]),
        of("log_sigma2", &[1, 1, 2, 2]),
        of("eps", &[1, 1, 1, 1]),
        of("dy", &[1, 1, 1, 1]),
    ];
    let huge = usize::MAX.to_string();
    let run = |options: &[(&str, &str)]| {
        let options: Vec<(&str, String)> = options.iter().map(|(name, value)| (*name, value.to_string())).collect();
        super::run("conv2d", Some(&tensors), &options)
    };
    // With any stride there is one position.
    let once = run(&[("stride", "3")]).unwrap();
    assert_eq!(run(&[("stride", &huge)]).unwrap(), once);
    let million = "1000000000";
    crate::common::assert_error(run(&[("padding", million)]), &["eps", "shape [1, 1, 2000000002, 2000000002]"]);
    crate::common::assert_error(
        run(&[("padding", million), ("stride", &huge)]),
        &["padding", "at most 4194304 pixels"],
    );
    crate::common::assert_error(run(&[("padding", &huge)]), &["window", "fits into 3 pixels"]);
    crate::common::assert_error(run(&[("dilation", &huge)]), &["window", "fits into 3 pixels"]);
}
