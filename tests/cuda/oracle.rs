use crate::common::Dtype::F32;
use crate::common::compare::assert_close;
use crate::common::device::device;
use crate::common::parsers::operations;
use crate::common::tolerance::{Check, tolerance};
use crate::oracle::read;
use spikeslab::oracle::catalogue::InputTensors;
use spikeslab::oracle::{evaluate, evaluate_on};
use std::fs;
use std::path::Path;

/// The operations that only the CPU has, or that a device has only as parts of kernels.
const NOT_ON_A_DEVICE: [&str; 3] = ["spike-kl", "gaussian-kl", "uncertainty"];
/// The outputs that a device does not compute separately; in place of the KL of each weight it has the sum.
const LEFT_OUT: [&str; 3] = ["mean", "variance", "kl"];

/// Evaluates every operation on the seeds of the fuzzer's corpus and compares each output of the device with the CPU's.
#[test]
fn parity_of_every_operation() {
    let Some(device) = device("oracle, every operation") else { return };
    let operations = operations();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/parsers/oracle");
    let dir = tempfile::tempdir().unwrap();
    let [input, on_cpu, on_gpu] = ["in", "cpu", "gpu"].map(|name| dir.path().join(name));
    // The corpus is in F32.
    let within = tolerance("network on the device", F32, Check::Reference);
    let mut seen = Vec::new();
    for (operation, preset) in &operations {
        let name = preset.unwrap_or(operation.name);
        let seed = if name == "kl" { "kl_0".to_string() } else { name.replace('-', "_") };
        // Operations without a seed are like one that has a seed: see the tests of networks.
        let Ok(bytes) = fs::read(corpus.join(seed)) else { continue };
        let (of_seed, preset_of_seed) = operations[usize::from(bytes[0]) % operations.len()];
        assert_eq!((of_seed.name, preset_of_seed), (operation.name, *preset));
        fs::write(&input, &bytes[1..]).unwrap();
        evaluate(name, Some(&input), &on_cpu, &[]).unwrap();
        let outcome = evaluate_on(&device, name, Some(&input), &on_gpu, &[]);
        if NOT_ON_A_DEVICE.contains(&name) {
            assert!(outcome.expect_err("no kernel").to_string().contains("device cuda:0"));
            continue;
        }
        outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        let (expected, on_gpu) = (read(&on_cpu), read(&on_gpu));
        for (output, expected) in &expected {
            let what = format!("{name} {output}");
            let network = operation.inputs == InputTensors::OfNetwork;
            // Without a bias the device computes no gradient with respect to it.
            let left_out = LEFT_OUT.contains(&output.as_str()) && !network || output == "dbias";
            match on_gpu.get(output) {
                Some(output) => assert_close(&what, output, expected, within),
                None => assert!(left_out, "{what}: missing"),
            }
        }
        if let Some(sum) = on_gpu.get("kl_sum") {
            let expected = expected["kl"].values.iter().sum::<f64>();
            assert_close("kl_sum", &sum.values[..], &[expected], within);
        }
        seen.push(name);
    }
    assert!(seen.len() > 8, "{seen:?}");
    let noise = [("count".to_string(), "33".to_string()), ("seed".to_string(), "7".to_string())];
    evaluate("noise", None, &on_cpu, &noise).unwrap();
    evaluate_on(&device, "noise", None, &on_gpu, &noise).unwrap();
    assert_eq!(read(&on_gpu), read(&on_cpu), "to the bit");
}

/// As on the CPU, a number that is not finite is an error that names it, unless `allow-non-finite` is given.
#[test]
fn an_output_that_is_not_finite_is_refused() {
    let Some(device) = device("oracle, an output that is not finite") else { return };
    let dir = tempfile::tempdir().unwrap();
    let [input, output] = ["in", "out"].map(|name| dir.path().join(name));
    let gradient = [1e30_f32, 1.0].map(f32::to_le_bytes).concat();
    let ones = [1.0_f32, 1.0].map(f32::to_le_bytes).concat();
    let view = |bytes| safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![2], bytes).unwrap();
    let tensors = [("gradient", view(&gradient)), ("m", view(&ones)), ("parameter", view(&ones)), ("v", view(&ones))];
    fs::write(&input, safetensors::serialize(tensors, None).unwrap()).unwrap();
    let evaluate = |options: &[(String, String)]| evaluate_on(&device, "adam", Some(&input), &output, options);
    let message = evaluate(&[]).expect_err("1e60 is beyond F32").to_string();
    assert!(message.contains("tensor new_v: expected finite numbers") && message.contains("inf at [0]"), "{message}");
    assert!(!output.exists());
    evaluate(&[("allow-non-finite".to_string(), "true".to_string())]).unwrap();
    assert!(read(&output)["new_v"].values[0].is_infinite());
}
