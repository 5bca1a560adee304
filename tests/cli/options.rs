use super::{Workplace, write_data};
use std::fs;

/// Options of `train`, and the words that the error contains.
const OUT_OF_RANGE: &[(&[&str], &[&str])] = &[
    (&["--levels", "0"], &["levels", "2 to 256", "0"]),
    (&["--levels", "1"], &["levels", "2 to 256", "1"]),
    (&["--levels", "257"], &["levels", "2 to 256", "257"]),
    (&["--levels", "300"], &["levels", "2 to 256", "300"]),
    (&["--levels", "-1"], &["--levels", "-1"]),
    (&["--levels", "2.5"], &["--levels", "2.5"]),
    (&["--levels", "18446744073709551616"], &["--levels", "18446744073709551616"]),
    (&["--codebook=0.1"], &["codebook", "2 to 256 levels", "1"]),
    (&["--codebook=0.2,0,-0.2"], &["codebook", "strictly ascending", "0.2 before 0"]),
    (&["--codebook", "-0.2,0.1,0.1"], &["codebook", "strictly ascending", "0.1 before 0.1"]),
    (&["--codebook=0,-0,1"], &["codebook", "strictly ascending", "0 before -0"]),
    (&["--codebook=-0.2,nan,0.2"], &["codebook", "finite", "NaN"]),
    (&["--codebook=-inf,0.2"], &["codebook", "finite", "-inf"]),
    (&["--codebook=0,1e39"], &["codebook", "finite", "1e39"]),
    (&["--codebook=0,,1"], &["--codebook", "''"]),
    (&["--codebook="], &["--codebook"]),
    (&["--codebook=0.1,x"], &["--codebook", "'x'"]),
    (&["--codebook=0.1,0.2", "--levels", "2"], &["--codebook", "--levels", "cannot be used"]),
    (&["--prior", "vnq", "--levels", "4"], &["vnq", "a codebook with a zero level", "-0.3, -0.1"]),
    (&["--prior", "vnq", "--codebook=-0.2,0.2"], &["vnq", "a codebook with a zero level", "-0.2, 0.2"]),
    (&["--prior", "windows", "--levels", "3"], &["windows", "a codebook without a zero level", "-0.2, 0, 0.2"]),
    (&["--prior", "spike"], &["--prior", "'spike'", "nearest, mixture, vnq, windows, gaussian, none"]),
    (&["--spike", "fitted"], &["--spike", "'fitted'", "exact", "fit"]),
    (&["--kl-scale", "batch"], &["--kl-scale", "'batch'", "dataset, per-weight"]),
    (&["--learning-rate", "0"], &["learning-rate", "a positive number", "0"]),
    (&["--learning-rate", "-0.1"], &["learning-rate", "a positive number", "-0.1"]),
    (&["--learning-rate", "NaN"], &["learning-rate", "a positive number", "NaN"]),
    (&["--learning-rate", "inf"], &["learning-rate", "a positive number", "inf"]),
    (&["--learning-rate", "1e309"], &["learning-rate", "a positive number", "inf"]),
    (&["--learning-rate", "1e-400"], &["learning-rate", "a positive number", "0"]),
    (&["--learning-rate", "fast"], &["--learning-rate", "'fast'"]),
    (&["--kl-weight", "-1"], &["kl-weight", "at least 0", "-1"]),
    (&["--kl-weight", "nan"], &["kl-weight", "at least 0", "NaN"]),
    (&["--kl-weight", "inf"], &["kl-weight", "at least 0", "inf"]),
    (&["--kl-warmup", "-0.5"], &["kl-warmup", "at least 0", "-0.5"]),
    (&["--kl-warmup", "nan"], &["kl-warmup", "at least 0", "NaN"]),
    (&["--kl-warmup-power", "0"], &["kl-warmup-power", "1 to 16", "0"]),
    (&["--kl-warmup-power", "17"], &["kl-warmup-power", "1 to 16", "17"]),
    (&["--kl-warmup-power", "-1"], &["--kl-warmup-power", "-1"]),
    (&["--kl-warmup-power", "1.5"], &["--kl-warmup-power", "1.5"]),
    (&["--decay-from", "1"], &["decay-from", "0 to below 1", "1"]),
    (&["--decay-from", "-0.1"], &["decay-from", "0 to below 1", "-0.1"]),
    (&["--level-rate", "-1"], &["level-rate", "at least 0", "-1"]),
    (&["--gradient-clip", "0"], &["gradient-clip", "a positive number", "0"]),
    (&["--epochs", "0"], &["epochs", "at least 1", "0"]),
    (&["--epochs", "-1"], &["--epochs", "-1"]),
    (&["--epochs", "1.5"], &["--epochs", "1.5"]),
    (&["--epochs", "4294967296"], &["--epochs", "4294967296"]),
    (&["--epochs", "4294967295", "--batch-size", "1"], &["epochs", "4294967295 steps", "1099511627520 steps"]),
    (&["--batch-size", "0"], &["batch-size", "1 to 256", "0"]),
    (&["--batch-size", "1"], &["batch-size", "at least 2", "one value a channel", "1"]),
    (&["--learning-rate", "1e39"], &["learning-rate", "a positive number", "in F32 inf"]),
    (&["--batch-size", "257"], &["batch-size", "1 to 256", "257"]),
    (&["--batch-size", "18446744073709551615"], &["batch-size", "1 to 256", "18446744073709551615"]),
    (&["--batch-size", "many"], &["--batch-size", "'many'"]),
    (&["--limit", "0"], &["limit", "1 to 256, the training images", "0"]),
    (&["--limit", "257"], &["limit", "1 to 256, the training images", "257"]),
    (&["--limit", "-1"], &["--limit", "-1"]),
    (&["--limit", "127", "--batch-size", "128"], &["batch-size", "1 to 127", "128"]),
    (&["--prior", "gaussian", "--spike", "fit"], &["spike", "a multi-spike prior", "gaussian"]),
    (&["--other-vectors"], &["other-vectors", "a run to go on with, --resume", "a new run"]),
    (&["--coarse"], &["coarse", "a data set with coarse labels, CIFAR-100", "MNIST"]),
    (&["--augment=yes"], &["--augment", "'yes'"]),
    (&["--augment", "--mirror", "no"], &["--mirror", "'no'", "true, false"]),
    (&["--mirror", "false"], &["mirror", "--augment, else it has no effect", "none"]),
    (&["--seed", "-1"], &["--seed", "-1"]),
    (&["--seed", "18446744073709551616"], &["--seed", "18446744073709551616"]),
    (&["--threads", "0"], &["--threads", "0"]),
    (&["--threads", "1025"], &["--threads", "1025", "1..=1024"]),
    (&["--threads", "-1"], &["--threads", "-1"]),
    (&["--out", ""], &["--out"]),
    (&["--momentum", "0.9"], &["--momentum"]),
    (&["-x"], &["-x"]),
    (&["surplus"], &["surplus"]),
    (&["--epochs"], &["--epochs"]),
    (&["--epochs", "1", "--epochs", "2"], &["--epochs", "multiple times"]),
];

#[test]
fn every_option_out_of_range_is_named_in_one_line() {
    let place = Workplace::new();
    for (options, parts) in OUT_OF_RANGE {
        place.refuse(&[&["train", "mlp", "--data", "data"], *options].concat(), 2, parts);
        // `compare` refuses the same options with the same words.
        if !options.contains(&"--threads") {
            place.refuse(&[&["compare", "mlp", "--data", "data"], *options].concat(), 2, parts);
        }
    }
}

#[test]
fn options_of_the_kl_need_a_prior_with_a_kl() {
    let place = Workplace::new();
    for option in [
        ["--spike", "fit"],
        ["--kl-scale", "dataset"],
        ["--kl-weight", "1"],
        ["--kl-warmup", "1"],
        ["--kl-warmup-power", "2"],
    ] {
        let name = option[0].trim_start_matches("--");
        for without in [&["--prior", "none"][..], &["--forward", "straight-through"]] {
            let arguments = [&["train", "mlp", "--data", "data", "--out", "run"], without, &option].concat();
            place.refuse(&arguments, 2, &[name, "else it has no effect", "--prior none"]);
        }
    }
    place.train("gaussian", &["--prior", "gaussian", "--kl-weight", "1"]);
    // Nor do levels learn anything where neither a prior nor the loss moves them.
    for option in [["--level-rate", "0.1"], ["--level-gap", "0.01"]] {
        for prior in ["none", "gaussian"] {
            let arguments =
                [&["train", "mlp", "--data", "data", "--out", "run", "--prior", prior], &option[..]].concat();
            place.refuse(&arguments, 2, &[option[0].trim_start_matches("--"), "moves the levels", prior, "sampled"]);
        }
    }
    place.train("straight-through", &["--forward", "straight-through", "--level-rate", "0.1", "--level-gap", "0.01"]);
    assert!(!place.path("run").exists());
}

/// The prior `windows` has four levels by default, and k-means needs a layer of at least four weights to fit them.
#[test]
fn a_layer_of_three_weights_keeps_the_four_levels_of_windows() {
    let place = Workplace::new();
    let deep = "conv 3 1x1\nconv 3 1x1 groups 3\nflatten\n".to_string() + &"dense 6\n".repeat(4) + "dense classes\n";
    fs::write(place.path("deep.net"), deep).unwrap();
    let options = ["--prior", "windows", "--epochs", "1", "--batch-size", "32"];
    place.succeed(&[&["train", "deep.net", "--data", "data", "--out", "run"], &options[..]].concat());
    let config: serde_json::Value = serde_json::from_slice(&place.read("run/config.json")).unwrap();
    assert_eq!((config["codebook"].as_array().unwrap().len(), &config["recipe"]["init_levels"]), (4, &"given".into()));
}

/// What changes the meaning of a result is told on standard error.
#[test]
fn what_a_command_cannot_know_to_be_meant_is_told() {
    let place = Workplace::new();
    let told = |arguments: &[&str]| {
        let output = place.run(arguments);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    fs::write(place.path("kept.net"), "flatten\ndense classes unquantized\n").unwrap();
    let train = |network: &str, out: &str, options: &[&str]| {
        told(&[&["train", network, "--data", "data", "--out", out, "--epochs", "1"], options].concat())
    };
    let few = train("mlp", "few", &["--limit", "5", "--batch-size", "5"]);
    assert!(few.contains(" of the 10 classes have no training image: ") && few.lines().count() == 1, "{few}");
    let kept = train("kept.net", "kept", &[]);
    assert_eq!(kept, "all layers are unquantized: no weight has noise, a prior or levels\n");
    assert_eq!(train("kept.net", "plain", &["--prior", "none"]), "");
    // The classes of a run's weights have other names.
    for part in ["train", "t10k"] {
        let path = place.path(format!("data/{part}-labels-idx1-ubyte"));
        let mut labels = fs::read(&path).unwrap();
        labels[8..].iter_mut().for_each(|label| *label += 1);
        fs::write(path, labels).unwrap();
    }
    let other = train("mlp", "other", &["--init", "few"]);
    assert_eq!(other, "few: its class 0 is 0, and that of this training 1\n");
    let packed = told(&["eval", "other/model.packed", "--data", "data", "--samples", "9"]);
    assert_eq!(packed, "a packed model has no posterior: --samples has no effect\n");
    // A name that is another number than the class's own is in quotes.
    let predicted = place.succeed(&["predict", "other/model.packed", "--data", "data", "--top", "2"]);
    let first: Vec<&str> = predicted.lines().next().unwrap().split_whitespace().collect();
    let [label, name] = [first[2], first[3]];
    assert_eq!(name, format!("\"{}\"", label.parse::<u8>().unwrap() + 1), "{predicted}");
}

/// What only the network, or the weights it begins with, can tell.
#[test]
fn what_the_first_step_would_refuse_is_refused_before_a_directory_is_created() {
    let place = Workplace::new();
    place.train("first", &[]);
    let train = |options: &[&'static str]| [&["train", "mlp", "--data", "data", "--out", "run"], options].concat();
    place.refuse(&train(&["--level-gap", "0.5"]), 2, &["level-gap", "of -0.2 and 0", "0.5"]);
    let packed = ["--init", "first/model.packed", "--levels", "8", "--init-levels", "kmeans", "--forward", "hard"];
    place.refuse(&train(&packed), 1, &["at least 8 distinct weights", "3"]);
    // `compare` trains its third run in this way.
    let compare = ["compare", "mlp", "--data", "data", "--out", "run", "--init", "first/model.packed", "--levels", "8"];
    place.refuse(&compare, 1, &["at least 8 distinct weights", "3"]);
    fs::write(place.path("two.net"), "flatten\ndense 8\nrelu\ndense classes\n").unwrap();
    let two = ["train", "two.net", "--data", "data", "--out", "run", "--keep-first-last"];
    place.refuse(&two, 2, &["keep-first-last", "three layers or more", "2"]);
    assert!(!place.path("run").exists());
}

#[test]
fn levels_that_round_to_one_are_shown_as_they_were_given() {
    let place = Workplace::new();
    let train = ["train", "mlp", "--data", "data"];
    for (levels, seen) in [
        ("0.1,0.100000001", "0.1 before 0.100000001, both 0.1"),
        ("0.30000001,0.3", "0.30000001 before 0.3"),
        ("-1,1e39", "finite levels, of at most 3.4028235e38 (saw: 1e39)"),
        ("0,1e-50", "0.0 before 1e-50, both 0.0"),
    ] {
        place.refuse(&[&train[..], &[&format!("--codebook={levels}")]].concat(), 2, &["codebook", seen]);
    }
}

#[cfg(not(feature = "download"))]
#[test]
fn a_build_that_fetches_nothing_says_so() {
    let place = Workplace::new();
    for arguments in [
        &["train", "mlp", "--data", "new", "--download"][..],
        &["train", "mlp", "--data", "new", "--download", "cifar-10"],
        &["train", "mlp", "--download=mnist"],
        &["train", "mlp", "--base-url", "http://localhost"],
    ] {
        place.refuse(arguments, 2, &["a build with --features download", "one without"]);
    }
    assert!(!place.succeed(&["train", "--help"]).contains("--download <"));
}

#[test]
fn every_command_names_what_is_wrong_with_its_usage() {
    let place = Workplace::with_run();
    let cases: &[(&[&str], &[&str])] = &[
        (&["train"], &["required", "<NETWORK>"]),
        (&["train", "lenet6"], &["network", "the file of a network's text, or one of mlp, lenet5", "lenet6"]),
        (&["train", "mlp:depth=3"], &["mlp", "no sizes", "depth"]),
        (&["network", "lenet6"], &["network", "mlp, lenet5, lenet-caffe", "lenet6"]),
        (&["network"], &["required", "<NETWORK>"]),
        (&["network", "mlp", "--input", "28x28"], &["--input", "as in 3x32x32", "28x28"]),
        (&["network", "mlp", "--classes", "0"], &["outputs", "from 1 to 65535", "0"]),
        (&["train", "--resume", "run", "--epochs", "1"], &["epochs", "at least 2", "the run in run", "1"]),
        (&["compare", "--resume", "run", "--epochs", "3"], &["--resume", "--epochs", "cannot be used"]),
        (&["train", "--resume", "run", "--out", "other"], &["--resume", "--out", "cannot be used"]),
        (&["train", "--resume", "run", "--seed", "0"], &["--resume", "--seed", "cannot be used"]),
        (&["train", "--resume", "run", "--kl-warmup-power", "1"], &["--resume", "--kl-warmup-power", "cannot be used"]),
        (
            &["compare", "--resume", "run", "--kl-warmup-power", "1"],
            &["--resume", "--kl-warmup-power", "cannot be used"],
        ),
        (&["train", "--resume", "run", "--limit", "9"], &["--resume", "--limit", "cannot be used"]),
        (&["train", "--resume", "run", "--coarse"], &["--resume", "--coarse", "cannot be used"]),
        (&["compare", "--resume", "run", "--augment"], &["--resume", "--augment", "cannot be used"]),
        (&["eval", "run", "--coarse"], &["coarse", "a data set with coarse labels, CIFAR-100", "MNIST"]),
        (&["eval"], &["required", "<RUN|PACKED>"]),
        (&["eval", "run", "--samples", "0"], &["--samples", "0", "1..=100000"]),
        (&["eval", "run", "--samples", "-3"], &["--samples", "-3"]),
        (&["eval", "run", "--samples", "100001"], &["--samples", "100001", "1..=100000"]),
        (&["eval", "run", "--kmeans", "1"], &["--kmeans", "1", "2..=256"]),
        (&["eval", "run", "--kmeans", "257"], &["--kmeans", "257", "2..=256"]),
        (&["eval", "run/model.packed", "--kmeans", "3"], &["kmeans", "a run directory", "a packed model"]),
        (&["quantize", "run"], &["required", "--out"]),
        (&["quantize", "run", "--out", "x", "--kmeans", "0"], &["--kmeans", "0", "2..=256"]),
        (&["inspect"], &["required", "<RUN|PACKED>"]),
        (&["compare"], &["required", "<NETWORK>"]),
        (&["compare", "--resume", "run", "mlp"], &["--resume", "[NETWORK]", "cannot be used"]),
        (&["evaluate", "run"], &["evaluate"]),
        (&["--verbose"], &["--verbose"]),
    ];
    for (arguments, parts) in cases {
        place.refuse(arguments, 2, parts);
    }
}

/// Changes one thing about the four files in `data`.
type Flaw = fn(&Workplace);

fn patch(place: &Workplace, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = place.read(format!("data/{name}"));
    change(&mut bytes);
    fs::write(place.path("data").join(name), bytes).unwrap();
}

#[test]
fn every_flaw_of_the_data_is_named_in_one_line() {
    let cases: [(Flaw, &[&str]); 20] = [
        (
            |p| fs::remove_dir_all(p.path("data")).unwrap(),
            &["data", "a directory with the files of MNIST", "nothing of that name"],
        ),
        (
            |p| {
                fs::remove_dir_all(p.path("data")).unwrap();
                fs::write(p.path("data"), "").unwrap();
            },
            &["data", "a directory with the files of MNIST", "another file"],
        ),
        (|p| fs::remove_file(p.path("data/train-images-idx3-ubyte")).unwrap(), &["train-images-idx3-ubyte", "neither"]),
        (|p| fs::remove_file(p.path("data/train-labels-idx1-ubyte")).unwrap(), &["train-labels-idx1-ubyte", "neither"]),
        (|p| fs::remove_file(p.path("data/t10k-images-idx3-ubyte")).unwrap(), &["t10k-images-idx3-ubyte", "neither"]),
        (|p| fs::remove_file(p.path("data/t10k-labels-idx1-ubyte")).unwrap(), &["t10k-labels-idx1-ubyte", "neither"]),
        (|p| patch(p, "train-images-idx3-ubyte", |b| b.truncate(999)), &["train-images", "36880 bytes", "999 bytes"]),
        (
            |p| patch(p, "t10k-images-idx3-ubyte", |b| b.truncate(15)),
            &["t10k-images", "a header of 16 bytes", "15 bytes"],
        ),
        (|p| patch(p, "train-labels-idx1-ubyte", |b| b.truncate(263)), &["train-labels", "264 bytes", "263 bytes"]),
        (|p| patch(p, "t10k-labels-idx1-ubyte", Vec::clear), &["t10k-labels", "a header of 8 bytes", "0 bytes"]),
        (|p| patch(p, "t10k-labels-idx1-ubyte", |b| b.push(0)), &["t10k-labels", "72 bytes", "73 bytes"]),
        (|p| patch(p, "train-images-idx3-ubyte", |b| b[3] = 1), &["train-images", "0x00000803", "0x00000801"]),
        (|p| patch(p, "train-labels-idx1-ubyte", |b| b[0] = 0x1f), &["train-labels", "0x00000801", "0x1f000801"]),
        (|p| patch(p, "train-labels-idx1-ubyte", |b| b[7] = 1), &["train-images", "257 images", "256"]),
        (|p| patch(p, "t10k-images-idx3-ubyte", |b| b[7] = 63), &["t10k-images", "64 images", "63"]),
        (
            |p| patch(p, "train-images-idx3-ubyte", |b| b[4..16].fill(0xff)),
            &["train-images", "1 to 1073741824 bytes", "4294967295 x"],
        ),
        (
            |p| patch(p, "train-images-idx3-ubyte", |b| b[8..16].fill(0xff)),
            &["train-images", "bytes", "256 x 4294967295"],
        ),
        (
            |p| patch(p, "train-labels-idx1-ubyte", |b| b[20] = 12),
            &["train-labels", "training images of every label from 0 to 12", "none of 10"],
        ),
        (
            |p| patch(p, "t10k-labels-idx1-ubyte", |b| b[71] = 255),
            &["train-labels", "of every label from 0 to 255", "none of 10"],
        ),
        (
            |p| {
                fs::remove_file(p.path("data/train-images-idx3-ubyte")).unwrap();
                fs::write(p.path("data/train-images-idx3-ubyte.gz"), b"\x1f\x8b no gzip").unwrap();
            },
            &["train-images-idx3-ubyte.gz", "16 bytes"],
        ),
    ];
    for (flaw, parts) in cases {
        let place = Workplace::new();
        flaw(&place);
        for command in ["train", "compare"] {
            place.refuse(&[command, "mlp", "--data", "data", "--out", "run"], 1, parts);
        }
    }
}

#[test]
fn images_of_two_sizes_or_too_small_for_the_network_are_refused() {
    let place = Workplace::new();
    for network in ["lenet5", "lenet-caffe"] {
        let parts = [&format!("{network}, line 7, conv"), "fits into 4 pixels", "kernel 5"];
        place.refuse(&["train", network, "--data", "data", "--out", "run"], 2, &parts);
    }
    write_data(&place.path("other"), 20, 20, 13);
    for name in ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        fs::copy(place.path("other").join(name), place.path("data").join(name)).unwrap();
    }
    place.refuse(&["train", "mlp", "--data", "data"], 1, &["t10k-images", "12 x 12", "13 x 13"]);
}

/// Where no similar word is known, an error names the help that lists what there is.
#[test]
fn arguments_that_are_not_known_are_answered_with_the_help_to_read() {
    let place = Workplace::new();
    for (arguments, help) in [
        (&["foo"][..], "see spikeslab --help"),
        (&["explain", "foo"], "see spikeslab explain --help"),
        (&["export", "run"], "see spikeslab export --help"),
        (&["eval", "run", "--recalibrate", "10"], "see spikeslab eval --help"),
        (&["oracle", "--json"], "see spikeslab oracle --help"),
        (&["train", "mlp", "--codebok", "1"], "there is --codebook"),
    ] {
        let line = place.refuse(arguments, 2, &[]);
        assert!(line.trim_end().ends_with(help), "{line}");
    }
}
