use super::{SHORT, Workplace, assert_same_results};
use crate::common::networks::preset;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

#[test]
fn a_run_leaves_the_files_documented_and_prints_the_final_table() {
    let place = Workplace::new();
    let printed = place.train("runs/first", &[]);
    let names: BTreeSet<String> = place
        .files()
        .into_keys()
        .filter_map(|path| Some(path.strip_prefix(place.path("runs/first")).ok()?.display().to_string()))
        .collect();
    let expected = [
        "",
        "checkpoint.safetensors",
        "config.json",
        "figures",
        "figures/accuracy.svg",
        "figures/funnel.svg",
        "figures/histogram.svg",
        "figures/quantized-loss.svg",
        "metrics.jsonl",
        "model.packed",
        "result.json",
    ];
    assert_eq!(names, expected.iter().map(ToString::to_string).collect());

    let keys: BTreeSet<&str> = [
        "epoch",
        "loss",
        "nll",
        "kl",
        "kl_weight",
        "quantized_loss",
        "share_at_level",
        "accuracy_mean",
        "accuracy_quantized",
        "levels",
        "seconds",
    ]
    .into();
    let metrics = place.metrics("runs/first");
    assert_eq!(metrics.len(), 2);
    for (epoch, object) in metrics.iter().enumerate() {
        let object = object.as_object().unwrap();
        assert_eq!(object.keys().map(String::as_str).collect::<BTreeSet<_>>(), keys);
        assert_eq!(object["epoch"], epoch + 1);
        assert_eq!(object["levels"].as_object().unwrap().keys().collect::<Vec<_>>(), ["fc1", "fc2", "fc3"]);
        for name in ["accuracy_mean", "accuracy_quantized"] {
            let accuracy = object[name].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&accuracy) && (64.0 * accuracy).fract() == 0.0, "{name}: {accuracy}");
        }
        assert!(object["seconds"].as_f64().unwrap() > 0.0);
    }
    assert!(metrics[1]["accuracy_mean"].as_f64().unwrap() > 0.5, "{:?}", metrics[1]);

    for name in ["accuracy", "funnel", "histogram", "quantized-loss"] {
        let figure = String::from_utf8(place.read(format!("runs/first/figures/{name}.svg"))).unwrap();
        assert!(figure.starts_with("<svg") && figure.trim_end().ends_with("</svg>"), "{name}");
    }
    let lines: Vec<&str> = printed.lines().collect();
    let data = "256 training and 64 test images of data, 1 x 12 x 12 in 10 classes";
    assert_eq!(lines[0], format!("mlp on {data}, from {:?}", absolute(&place)));
    for start in [
        "Quantized loss: squared distance of the weights to their levels, Σ(θ − Q(θ))²",
        "epoch   1/2 ",
        "epoch   2/2 ",
        "mean ",
        "sampled, 10 draws ",
        "quantized ",
        "quantized loss ",
        "fc1 ",
        "fc2 ",
        "fc3 ",
        "weights ",
        "whole model ",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(start)), "no {start:?} in {printed}");
    }
    // The table of epochs fits into 80 columns, and its head is printed once.
    let head = lines.iter().position(|line| line.ends_with("seconds")).unwrap();
    assert_eq!(lines.iter().filter(|line| line.ends_with("seconds")).count(), 1, "{printed}");
    let names: Vec<&str> = lines[head].split_whitespace().collect();
    assert_eq!(names, ["NLL", "κ", "weight", "loss", "level", "mean", "quantized", "seconds"]);
    for line in &lines[head..head + 3] {
        assert_eq!(line.chars().count(), lines[head].chars().count(), "{line}");
    }
    assert!(lines[head - 4..head + 3].iter().all(|line| line.chars().count() <= 80), "{printed}");
    // The last epoch's row holds what its metrics hold.
    let row: Vec<&str> = lines[head + 2].split_whitespace().skip(2).collect();
    let number = |name: &str| metrics[1][name].as_f64().unwrap();
    let weights = f64::from(144 * 256 + 256 * 128 + 128 * 10);
    let kl_per_weight = number("kl") / weights;
    for (at, value) in [(0, number("nll")), (1, number("kl_weight")), (2, kl_per_weight), (3, number("quantized_loss"))]
    {
        let seen: f64 = row[at].parse().unwrap();
        assert!((seen - value).abs() <= 0.01 * value.abs() + 1e-4, "{value} in {row:?}");
    }
    assert_eq!(row[4], format!("{:.1}%", 100.0 * number("share_at_level")));
    assert_eq!(row[5], format!("{:.2}%", 100.0 * number("accuracy_mean")));
    assert_eq!(row[6], format!("{:.2}%", 100.0 * number("accuracy_quantized")));
    let percent = format!("{:.2}%", 100.0 * metrics[1]["accuracy_mean"].as_f64().unwrap());
    assert!(lines.iter().any(|line| line.starts_with("mean ") && line.contains(&percent)), "{printed}");
}

fn absolute(place: &Workplace) -> std::path::PathBuf {
    place.path("data").canonicalize().unwrap()
}

#[test]
fn the_configuration_holds_the_options() {
    let place = Workplace::new();
    let options = [
        "--codebook=-0.1,0,0.3",
        "--prior",
        "vnq",
        "--spike",
        "exact",
        "--kl-scale",
        "dataset",
        "--kl-weight",
        "0.5",
        "--kl-warmup",
        "0.25",
        "--kl-warmup-power",
        "2",
        "--seed",
        "18446744073709551615",
        "--epochs",
        "1",
        "--batch-size",
        "64",
        "--learning-rate",
        "0.003",
        "--decay-from",
        "0.5",
        "--level-rate",
        "0.25",
        "--gradient-clip",
        "2",
        "--weight-decay",
        "0.25",
    ];
    place.succeed(&[&["train", "mlp", "--data", "data", "--out", "a"], &options[..]].concat());
    let config: Value = serde_json::from_slice(&place.read("a/config.json")).unwrap();
    let checksum = config["data_checksum"].clone();
    let text = preset("mlp", [1, 12, 12]).to_string();
    let expected = json!({
        "version": 2, "network": "mlp", "text": text.lines().collect::<Vec<_>>(), "data": absolute(&place),
        "data_checksum": checksum, "coarse": false, "limit": null, "standardization": null,
        "trained_on": { "name": "data", "checksum": checksum, "classes": (0..10).map(|class| class.to_string()).collect::<Vec<_>>() },
        "codebook": [-0.1, 0.0, 0.3],
        "recipe": {
            "prior": "vnq", "spike": "exact", "kl_scale": "dataset", "kl_weight": 0.5, "kl_warmup": 0.25,
            "kl_warmup_power": 2, "warmup": 0.0, "forward": "sampled", "init_levels": "given", "epochs": 1,
            "batch_size": 64, "learning_rate": 0.003, "decay_from": 0.5, "level_rate": 0.25,
            "level_gap": 0.0005, "gradient_clip": 2.0, "weight_decay": 0.25, "augment": false,
            "mirror": true, "seed": u64::MAX,
        },
    });
    assert_eq!(config, expected);
    // The defaults: M = 3, and 4 where no level may be zero; κ rises over all epochs.
    for (options, levels) in
        [(&["--prior", "nearest"][..], 3), (&["--prior", "windows"], 4), (&["--levels", "256"], 256)]
    {
        let _ = fs::remove_dir_all(place.path("b"));
        place.train("b", options);
        let config: Value = serde_json::from_slice(&place.read("b/config.json")).unwrap();
        let recipe = &config["recipe"];
        assert_eq!((config["codebook"].as_array().unwrap().len(), &recipe["kl_warmup"]), (levels, &Value::Null));
        assert_eq!((&recipe["kl_weight"], &recipe["kl_warmup_power"]), (&json!(0.2), &json!(1)));
        let metrics = place.metrics("b");
        // κ of the last step of each of two epochs of eight steps.
        assert_eq!(
            (&metrics[0]["kl_weight"], &metrics[1]["kl_weight"]),
            (&json!(0.2 * 7.0 / 8.0 / 2.0), &json!(0.2 * 15.0 / 8.0 / 2.0))
        );
        assert_eq!(metrics[1]["levels"]["fc2"].as_array().unwrap().len(), levels);
    }
}

#[test]
fn every_network_and_prior_trains() {
    let place = Workplace::with_images(16);
    for network in ["lenet5", "lenet-caffe"] {
        let options = ["--epochs", "1", "--batch-size", "128"];
        place.succeed(&[&["train", network, "--data", "data"], &options[..]].concat());
        assert_eq!(place.metrics(&format!("runs/{network}-1")).len(), 1);
    }
    for prior in ["nearest", "mixture", "vnq", "windows", "gaussian", "none"] {
        place.train(prior, &["--prior", prior]);
        let kl = place.metrics(prior)[1]["kl"].as_f64().unwrap();
        assert_eq!(kl == 0.0, prior == "none", "{prior}: {kl}");
    }
}

#[test]
fn one_seed_gives_the_same_bytes_at_any_number_of_threads() {
    let place = Workplace::new();
    for (out, options) in [("one", ["--threads", "1"]), ("default", ["--seed", "0"]), ("other", ["--seed", "1"])] {
        place.train(out, &options);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for (out, threads) in [("two", 2), ("many", 1024)] {
        let options = ["--out", out, "--threads", &threads.to_string()];
        let output = place.run(&[&["train", "mlp", "--data", "data"], &SHORT[..], &options].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        // More threads than cores are not used, and a remark says so.
        let told = if threads > cores { format!("--threads {threads}: {cores}, one a core") } else { String::new() };
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.starts_with(&told) && stderr.lines().count() == usize::from(threads > cores), "{stderr}");
    }
    for other in ["two", "many", "default"] {
        assert_same_results(&place, "one", other);
    }
    assert_ne!(place.results("one")["checkpoint.safetensors"], place.results("other")["checkpoint.safetensors"]);
}

#[test]
fn without_out_the_next_free_directory_is_taken() {
    let place = Workplace::new();
    let arguments = [&["train", "mlp", "--data", "data"], &SHORT[..]].concat();
    for expected in ["runs/mlp-1", "runs/mlp-2"] {
        let printed = place.succeed(&arguments);
        assert!(printed.contains(&format!("in {expected}: ")), "{printed}");
        assert!(place.path(expected).join("model.packed").is_file());
    }
    fs::remove_dir_all(place.path("runs/mlp-1")).unwrap();
    fs::write(place.path("runs/mlp-3"), "a file").unwrap();
    place.succeed(&arguments);
    assert!(place.path("runs/mlp-1/model.packed").is_file());
    assert!(place.succeed(&arguments).contains("in runs/mlp-4: "));
}

#[test]
fn runs_begun_at_once_without_out_each_get_a_directory() {
    let place = Workplace::new();
    let arguments = [&["train", "mlp", "--data", "data"], &SHORT[..]].concat();
    let compare = [&["compare", "mlp", "--data", "data"], &SHORT[..]].concat();
    let children: Vec<_> = [&arguments, &arguments, &arguments, &compare, &compare]
        .map(|arguments| super::training::start(&place, arguments))
        .into_iter()
        .map(|child| child.wait_with_output().unwrap())
        .collect();
    for output in &children {
        assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(0), ""));
    }
    let runs = ["mlp-1", "mlp-2", "mlp-3", "compare-mlp-1/multi-spike", "compare-mlp-2/multi-spike"];
    for run in runs {
        assert_same_results(&place, "runs/mlp-1", &format!("runs/{run}"));
    }
}

#[test]
fn an_empty_directory_may_be_there_already() {
    let place = Workplace::new();
    fs::create_dir(place.path("empty")).unwrap();
    place.train("empty", &[]);
    assert_eq!(place.metrics("empty").len(), 2);
}

#[test]
fn the_embedded_images_are_the_default() {
    let place = Workplace::new();
    let printed = place.succeed(&["train", "mlp", "--epochs", "1", "--out", "run"]);
    assert!(
        printed.starts_with("mlp on 6000 training and 1000 test images of MNIST, 1 x 28 x 28 in 10 classes"),
        "{printed}"
    );
    let metrics = place.metrics("run");
    assert!(metrics[0]["accuracy_mean"].as_f64().unwrap() > 0.8, "{metrics:?}");
    let config: Value = serde_json::from_slice(&place.read("run/config.json")).unwrap();
    assert_eq!(config["data"], Value::Null);
    // Evaluation takes the data that the run was trained on.
    let evaluation: Value = serde_json::from_str(&place.succeed(&["eval", "run", "--json", "--samples", "1"])).unwrap();
    assert_eq!((&evaluation["n"], &evaluation["accuracy_mean"]), (&json!(1000), &metrics[0]["accuracy_mean"]));
}

#[test]
fn a_directory_in_use_or_a_file_is_no_place_for_a_run() {
    let place = Workplace::with_run();
    fs::write(place.path("file"), "kept").unwrap();
    let cases = [
        ("run", "one with files in it"),
        ("data", "one with files in it"),
        (".", "one with files in it"),
        ("file", "a file"),
        ("file/below", "a file"),
        ("file/far/below", "a file"),
    ];
    for command in ["train", "compare"] {
        for (out, seen) in cases {
            let arguments = [&[command, "mlp", "--data", "data", "--out", out], &SHORT[..]].concat();
            place.refuse(&arguments, 1, &[out, "a directory that is new or empty", seen]);
        }
    }
    let again = ["train", "mlp", "--data", "data", "--out", "run"];
    place.refuse(&again, 1, &["one with files in it: a run, which --resume continues"]);
    fs::write(place.path("runs"), "a file where the default directory is").unwrap();
    place.refuse(&["train", "mlp", "--data", "data"], 1, &["runs: ", "a directory", "a file"]);
}

#[test]
fn a_codebook_is_kept_as_it_is_given() {
    let place = Workplace::new();
    for (run, codebook) in [("fine", "0,0.0002,0.0004,0.0006"), ("finest", "-1,0,1e-30"), ("wide", "-1e6,1,1e6")] {
        place.train(run, &["--prior", "none", &format!("--codebook={codebook}")]);
        let levels: Vec<f32> = codebook.split(',').map(|level| level.parse().unwrap()).collect();
        let model = spikeslab::packed::format::load(&place.path(run).join("model.packed")).unwrap();
        assert!(model.layers().iter().all(|layer| layer.levels() == levels), "{:?}", model.layers()[0].levels());
    }
}

/// With definitions in place of kernels, two epochs of training end with the same results, to rounding.
#[test]
fn definitions_train_as_kernels_do() {
    let place = Workplace::with_images(16);
    let text =
        "c1 conv 4 3x3 pad 1\nnorm\nrelu\nmax-pool 2\nc2 conv 5 3x3\nn2 norm\nrelu\nflatten\nfc dense classes bias\n";
    fs::write(place.path("small.net"), text).unwrap();
    for network in ["small.net", "densenet:depth=7,growth=3"] {
        let train = |out: &str, ways: Option<&str>| {
            let recipe = ["--recipe", "one-phase"];
            let arguments = [&["train", network, "--data", "data", "--out", out], &recipe[..], &SHORT[..]].concat();
            let mut command = place.command(&arguments);
            ways.map(|way| command.env("SPIKESLAB_KERNELS", way));
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            place.metrics(out)
        };
        let (seen, expected) = (train("by-definition", Some("definition")), train("by-kernels", None));
        assert_eq!((seen.len(), expected.len()), (2, 2));
        for (seen, expected) in seen.iter().zip(&expected) {
            for name in ["loss", "nll", "kl", "quantized_loss"] {
                let [seen, expected] = [seen, expected].map(|metrics| metrics[name].as_f64().unwrap());
                assert!((seen / expected - 1.0).abs() < 2e-3, "{network}, {name}: {seen} and {expected}");
            }
        }
        // The last bits differ, which shows that other code computed them.
        assert_ne!(place.read("by-definition/checkpoint.safetensors"), place.read("by-kernels/checkpoint.safetensors"));
        for dir in ["by-definition", "by-kernels"] {
            fs::remove_dir_all(place.path(dir)).unwrap();
        }
    }
    let mut odd = place.command(&["train", "small.net", "--data", "data"]);
    let output = odd.env("SPIKESLAB_KERNELS", "slow").output().unwrap();
    let line = super::one_line(&output, "SPIKESLAB_KERNELS=slow");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        line.contains("SPIKESLAB_KERNELS") && line.contains("definition or fast") && line.contains("slow"),
        "{line}"
    );
}

/// The advice names options that can be given and that change something.
#[test]
fn advice_for_weights_off_their_levels() {
    let place = Workplace::new();
    let last = |out: &str, options: &[&str]| place.train(out, options).lines().last().unwrap().to_string();
    let kmeans = "(--warmup 0.8 --forward hard --init-levels kmeans)";
    for (out, options, weight, phases) in [
        ("default", &[][..], "(--kl-weight 1)", kmeans),
        ("zero", &["--kl-weight", "0"], "(--kl-weight 0.2)", kmeans),
        ("vnq", &["--prior", "vnq"], "(--kl-weight 1)", "(--warmup 0.8 --forward hard)"),
    ] {
        let line = last(out, options);
        for part in ["% of the weights are not at a level", "(--epochs 500)", weight, phases] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
    for prior in ["none", "gaussian"] {
        assert!(!last(prior, &["--prior", prior]).contains("at a level"), "{prior}");
    }
    let slow = last("slow", &["--kl-warmup", "1000"]);
    assert!(slow.contains("since κ rose only to") && slow.ends_with("of 0.2: try --kl-warmup 2"), "{slow}");
    // Levels so close together that all weights are beyond the outermost ones.
    let line = last("narrow", &["--codebook=-1e-5,0,1e-5"]);
    assert!(line.contains("% of the weights are not at a level"), "{line}");
    assert!(last("windows", &["--prior", "windows"]).contains("% of the weights are not at a level"));
}
