//! `--device` without a GPU: an error is one line, and with the emulator of `tests/cuda` a run works.

use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_spikeslab");

#[track_caller]
fn assert_one_line(output: &Output, code: i32, parts: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert_eq!(error.lines().count(), 1, "{error:?}");
    for part in parts {
        assert!(error.contains(part), "expected {part:?} (saw: {error:?})");
    }
}

#[test]
fn a_device_of_another_name_is_usage() {
    for name in ["gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:99999999999999999999999", "cpu:0"] {
        let output = Command::new(PROGRAM).args(["bench", "mlp", "--device", name]).output().unwrap();
        assert_one_line(&output, 2, &["--device", "expected cpu"]);
    }
    if !cfg!(feature = "cuda") {
        let output = Command::new(PROGRAM).args(["bench", "mlp", "--device", "cuda"]).output().unwrap();
        assert_one_line(&output, 2, &["--features cuda"]);
    }
}

#[cfg(feature = "cuda")]
mod with_feature {
    use super::*;
    use crate::cli::Workplace;
    use crate::common::emulator::on_emulator;
    use std::io::Write;
    use std::path::Path;

    const TRAIN: [&str; 11] =
        ["train", "lenet5", "--device", "cuda", "--epochs", "2", "--batch-size", "64", "--limit", "128", "--out"];

    /// The command with the emulator's libraries.
    fn emulated(test: &str) -> Option<Command> {
        let command = on_emulator(PROGRAM);
        if command.is_none() {
            let skipped = format!("SKIPPED {test}: no g++ on Linux\n");
            std::io::stderr().write_all(skipped.as_bytes()).unwrap();
        }
        command
    }

    #[test]
    fn without_a_driver_one_line_says_so_and_nothing_is_written() {
        let place = Workplace::new();
        // The libraries in this directory are invalid, so that a GPU of this machine is not found.
        let libraries = tempfile::tempdir().unwrap();
        std::fs::write(libraries.path().join("libcuda.so"), "no library").unwrap();
        let out = place.dir.path().join("run");
        let output =
            Command::new(PROGRAM).args(TRAIN).arg(&out).env("LD_LIBRARY_PATH", libraries.path()).output().unwrap();
        if output.status.success() {
            // There is a GPU after all.
            return;
        }
        assert_one_line(&output, 1, &["device cuda:0", "expected"]);
        assert!(!out.exists());
    }

    #[test]
    fn what_is_wrong_with_a_device_is_one_line() {
        let no_device: &[(&str, &str)] = &[("EMULATOR_FAULT", "no-device")];
        for (device, variables, parts) in [
            ("cuda", no_device, ["an NVIDIA GPU", "none"]),
            ("cuda:3", &[], ["from 0 to 0", "3"]),
            ("cuda", &[("EMULATOR_FAULT", "busy")], ["no other process holds", "DEVICE_UNAVAILABLE"]),
            ("cuda", &[("EMULATOR_DRIVER", "11040")], ["CUDA 12.0 or newer", "11.4"]),
            ("cuda", &[("EMULATOR_COMPUTE", "61")], ["this GPU needs CUDA 12", "6.1"]),
            ("cuda", &[("EMULATOR_MEMORY", "1")], ["more memory", "1 MiB free"]),
            ("cuda", &[("EMULATOR_FAULT", "launch")], ["without an error", "LAUNCH_FAILED"]),
        ] {
            let Some(mut command) = emulated("what is wrong with a device") else { return };
            let output =
                command.args(["bench", "lenet-caffe", "--device", device]).envs(variables.iter().copied()).output();
            assert_one_line(
                &output.unwrap(),
                1,
                &[&[&*format!("device {}", if device == "cuda" { "cuda:0" } else { device })], &parts[..]].concat(),
            );
        }
    }

    #[test]
    fn a_run_goes_through_is_resumed_on_the_cpu_and_evaluated_on_both() {
        let place = Workplace::new();
        let out = place.dir.path().join("run");
        let Some(mut command) = emulated("a run on a device") else { return };
        let trained = command.args(TRAIN).arg(&out).output().unwrap();
        assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
        for file in ["checkpoint.safetensors", "metrics.jsonl", "model.packed", "figures/histogram.svg"] {
            assert!(out.join(file).exists(), "{file}");
        }
        let evaluate = |device: &str| {
            let mut command = emulated("a run on a device").unwrap();
            let output =
                command.arg("eval").arg(&out).args(["--json", "--samples", "2", "--device", device]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
        };
        let (on_cpu, on_gpu) = (evaluate("cpu"), evaluate("cuda"));
        for key in ["accuracy_mean", "accuracy_sample", "accuracy_quantized", "nll_mean", "nll_sample", "nll_quantized"]
        {
            let [expected, seen] = [&on_cpu, &on_gpu].map(|object| object[key].as_f64().unwrap());
            assert!(
                (seen - expected).abs() < 1e-4 * (1.0 + expected),
                "{key}: {expected} on the CPU, {seen} on the device"
            );
        }
        // The run has ended: resuming it does nothing, on any device.
        for device in ["cpu", "cuda"] {
            let mut command = emulated("a run on a device").unwrap();
            let resumed = command.args(["train", "--resume"]).arg(&out).args(["--device", device]).output().unwrap();
            assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
        }
        refuses_a_packed_model(&out.join("model.packed"));
    }

    /// Two phases, k-means, Q(θ) with noise, and the first and the last layer in full precision; with a teacher.
    #[test]
    fn a_deep_network_is_trained_by_its_default_recipe_on_both() {
        let place = Workplace::new();
        let layers = (1..6).map(|k| format!("fc{k} dense 8\nbn{k} norm\nrelu\n")).collect::<String>();
        std::fs::write(place.path("deep.net"), format!("input 1x12x12\nflatten\n{layers}fc6 dense classes bias\n"))
            .unwrap();
        let train = |out: &str, device: &str, options: &[&str]| {
            let mut command = emulated("a deep network on a device")?;
            command.current_dir(place.dir.path());
            let all = ["train", "deep.net", "--data", "data", "--epochs", "5", "--device", device, "--out", out];
            let output = command.args(all).args(options).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let config: serde_json::Value = serde_json::from_slice(&place.read(format!("{out}/config.json"))).unwrap();
            assert_eq!(
                (&config["recipe"]["forward"], &config["recipe"]["init_levels"]),
                (&"hard".into(), &"kmeans".into())
            );
            Some(place.metrics(out))
        };
        for options in [&[][..], &["--teacher", "cpu-0", "--teacher-share", "0.5"]] {
            let run = |device: &str| train(&format!("{device}-{}", options.len()), device, options);
            let (Some(on_cpu), Some(on_gpu)) = (run("cpu"), run("cuda")) else { return };
            assert_eq!(on_gpu.len(), 5);
            for (expected, seen) in on_cpu.iter().zip(&on_gpu) {
                for key in ["loss", "nll", "kl"] {
                    let [expected, seen] = [expected, seen].map(|epoch| epoch[key].as_f64().unwrap());
                    assert!((seen - expected).abs() < 1e-3 * (1.0 + expected), "{key}: {expected} and {seen}");
                }
            }
            assert_eq!(on_gpu[4]["quantized_loss"], 0.0);
        }
    }

    fn refuses_a_packed_model(model: &Path) {
        let mut command = emulated("a run on a device").unwrap();
        let output = command.arg("eval").arg(model).args(["--device", "cuda"]).output().unwrap();
        assert_one_line(&output, 2, &["device", "cpu for a packed model"]);
    }
}
