use super::run;
use crate::common::assert_error;
use spikeslab::oracle::evaluate;
use std::path::Path;

#[test]
fn every_value_out_of_range_is_named() {
    let cases: [(&str, &str, &[&str]); 9] = [
        ("count", "many", &["count", "whole number", "many"]),
        ("count", "-1", &["count", "-1"]),
        ("seed", "18446744073709551616", &["seed", "below 2^64", "18446744073709551616"]),
        ("step", "4294967296", &["step", "below 2^32", "4294967296"]),
        ("tensor", "1.5", &["tensor", "1.5"]),
        ("dtype", "F16", &["dtype", "F64 or F32", "F16"]),
        ("dtype", "", &["dtype", "F64 or F32"]),
        ("size", "3", &["option", "seed, step, tensor, count, dtype", "size"]),
        ("Seed", "3", &["option", "Seed"]),
    ];
    for (name, value, parts) in cases {
        assert_error(run("noise", None, &[(name, value.to_string())]), parts);
    }
    let twice = [("seed", "1".to_string()), ("seed", "2".to_string())];
    assert_error(run("noise", None, &twice), &["seed", "one value", "two"]);
}

#[test]
fn operations_and_files_are_named() {
    let (nowhere, out) = (Path::new("nowhere.safetensors"), Path::new("nowhere/out.safetensors"));
    assert_error(evaluate("dens", Some(nowhere), out, &[]), &["operation", "dense, conv2d", "dens"]);
    assert_error(evaluate("dense", Some(nowhere), out, &[]), &["nowhere.safetensors", "No such file"]);
    assert_error(evaluate("dense", None, out, &[]), &["IN.safetensors", "none"]);
    assert_error(evaluate("noise", Some(nowhere), out, &[]), &["IN.safetensors", "no input", "nowhere"]);
    assert_error(evaluate("noise", None, out, &[]), &["nowhere/out.safetensors", "No such file"]);
}
