use super::{Workplace, write_data};
use crate::train::Parts;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use spikeslab::nets::{Description, Network};
use std::collections::BTreeSet;
use std::fs;

const KEYS: [&str; 17] = [
    "network",
    "epoch",
    "epochs",
    "kmeans",
    "recalibrated_images",
    "accuracy_mean",
    "accuracy_sample",
    "accuracy_quantized",
    "nll_mean",
    "nll_sample",
    "nll_quantized",
    "quantized_loss",
    "n",
    "samples",
    "uncertainty",
    "ood",
    "data",
];

const KINDS: [&str; 4] = ["mean", "sampled", "quantized", "sampled_m_ary"];

const FIGURES: [&str; 14] = [
    "accuracy",
    "nll",
    "brier",
    "ece",
    "ece_equal_mass",
    "mce",
    "entropy",
    "expected_entropy",
    "mutual_information",
    "aurc",
    "accuracy_at_80",
    "accuracy_at_90",
    "accuracy_at_95",
    "ood",
];

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn eval(place: &Workplace, arguments: &[&str]) -> Value {
    let printed = place.succeed(&[&["eval", "--json"], arguments].concat());
    assert_eq!(printed.lines().count(), 1, "{printed}");
    let value: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(keys(&value), KEYS.into());
    assert_eq!(keys(&value["uncertainty"]), KINDS.into());
    for kind in KINDS.into_iter().filter(|kind| !value["uncertainty"][kind].is_null()) {
        assert_eq!(keys(&value["uncertainty"][kind]), FIGURES.into());
    }
    value
}

/// The cells of a row of the table.
fn cells<'a>(table: &'a str, name: &str) -> Vec<&'a str> {
    let row = table.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {table}"));
    row.split_whitespace().collect()
}

#[test]
fn a_run_is_evaluated_with_each_kind_of_weights() {
    let place = Workplace::with_run();
    let value = eval(&place, &["run"]);
    let of_model =
        |value: &Value| ["network", "epoch", "epochs", "kmeans", "recalibrated_images"].map(|key| value[key].clone());
    assert_eq!(of_model(&value), [json!("mlp"), json!(2), json!(2), Value::Null, Value::Null]);
    let changed = eval(&place, &["run", "--kmeans", "4", "--recalibrate=100"]);
    assert_eq!(of_model(&changed), [json!("mlp"), json!(2), json!(2), json!(4), json!(96)]);
    let packed = eval(&place, &["run/model.packed", "--data", "data"]);
    assert_eq!(of_model(&packed), [json!("mlp"), Value::Null, Value::Null, Value::Null, Value::Null]);
    let table = place.succeed(&["eval", "run", "--kmeans", "4", "--recalibrate=100"]);
    let described = "run of mlp after epoch 2 of 2; quantized to 4 levels of k-means; statistics of mean and quantized weights from 96 images";
    assert!(table.lines().any(|line| line == described), "{table}");
    let last = &place.metrics("run")[1];
    for name in ["accuracy_mean", "accuracy_quantized", "quantized_loss"] {
        assert_eq!(value[name], last[name], "{name}");
    }
    assert_eq!((&value["n"], &value["samples"], &value["ood"]), (&json!(64), &json!(10), &Value::Null));
    for name in &KEYS[5..12] {
        assert!(number(&value[*name]) > 0.0, "{name}: {value}");
    }
    // `result.json` has the same figures under the same names.
    let result: Value = serde_json::from_slice(&place.read("run/result.json")).unwrap();
    for (name, figure) in result.as_object().unwrap().iter().filter(|(name, _)| *name != "packed_bytes") {
        assert_eq!(*figure, value[name], "{name}");
    }
    assert_eq!(result["packed_bytes"], place.read("run/model.packed").len());
    assert_eq!(result.as_object().unwrap().len(), 11);
    for (kind, key) in [("mean", "mean"), ("sampled", "sample"), ("quantized", "quantized")] {
        for figure in ["accuracy", "nll"] {
            assert_eq!(value["uncertainty"][kind][figure], value[format!("{figure}_{key}")], "{kind}");
        }
    }
    for kind in KINDS {
        let of = &value["uncertainty"][kind];
        let (entropy, is_drawn) = (number(&of["entropy"]), kind.starts_with("sampled"));
        assert!((0.0..=10.0_f64.ln()).contains(&entropy), "{of}");
        if is_drawn {
            let parts = number(&of["expected_entropy"]) + number(&of["mutual_information"]);
            assert!((parts - entropy).abs() < 1e-12 && number(&of["mutual_information"]) > 0.0, "{of}");
        } else {
            assert!(of["expected_entropy"].is_null() && of["mutual_information"].is_null(), "{of}");
        }
        for name in ["brier", "ece", "ece_equal_mass", "mce", "aurc"] {
            assert!((0.0..=2.0).contains(&number(&of[name])), "{name}: {of}");
        }
        assert!(number(&of["ece"]) <= number(&of["mce"]) && of["ood"].is_null(), "{of}");
    }
    let mut again = eval(&place, &["run", "--data", "data", "--threads", "2"]);
    assert_eq!(again["data"], json!({"name": "data", "path": "data"}));
    again["data"] = value["data"].clone();
    assert_eq!(again, value);
    let more = eval(&place, &["run", "--samples", "50"]);
    assert_ne!(more["nll_sample"], value["nll_sample"]);
    assert_eq!(more["nll_mean"], value["nll_mean"]);
}

#[test]
fn the_table_has_a_row_a_figure_and_a_column_a_kind() {
    let place = Workplace::with_run();
    write_data(&place.path("other"), 10, 40, 12);
    let value = eval(&place, &["run", "--ood", "other"]);
    let table = place.succeed(&["eval", "run", "--ood", "other"]);
    assert!(table.lines().all(|line| line.chars().count() <= 80 || line.contains("other images, from ")), "{table}");
    assert_eq!(cells(&table, "weights"), ["mean", "sampled", "quantized", "sampled", "M-ary"]);
    let shown = |name: &str, show: &dyn Fn(&Value) -> String| {
        assert_eq!(cells(&table, name), KINDS.map(|kind| show(&value["uncertainty"][kind])), "{name}");
    };
    let percent = |value: &Value| format!("{:.2}%", 100.0 * number(value));
    let four = |value: &Value| value.as_f64().map_or("-".to_string(), |value| format!("{value:.4}"));
    shown("accuracy  ", &|of| percent(&of["accuracy"]));
    for (name, key) in [
        ("NLL, nats", "nll"),
        ("Brier score", "brier"),
        ("ECE, bins of equal width", "ece"),
        ("ECE, bins of equal mass", "ece_equal_mass"),
        ("maximum calibration error", "mce"),
        ("entropy, nats", "entropy"),
        ("  expected entropy", "expected_entropy"),
        ("  mutual information", "mutual_information"),
        ("area under risk-coverage", "aurc"),
    ] {
        shown(name, &|of| four(&of[key]));
    }
    for coverage in [80, 90, 95] {
        let key = format!("accuracy_at_{coverage}");
        shown(&format!("accuracy at {coverage} % coverage"), &|of| percent(&of[&key]));
    }
    for (name, key) in [
        ("AUROC by maximum probability", "by_maximum_probability"),
        ("AUROC by entropy", "by_entropy"),
        ("AUROC by mutual information", "by_mutual_information"),
    ] {
        shown(name, &|of| four(&of["ood"][key]["auroc"]));
    }
    for line in ["64 test images of data, from \"", "10 draws of the weights"] {
        assert!(table.lines().any(|seen| seen.starts_with(line)), "{table}");
    }
    assert!(table.contains("40 other images of other, from \"other\"\n"), "{table}");
    assert!(cells(&table, "quantized loss")[0].parse::<f64>().is_ok());
}

#[test]
fn other_images_are_told_from_the_test_images_by_three_scores() {
    let place = Workplace::with_run();
    write_data(&place.path("other"), 10, 40, 12);
    let value = eval(&place, &["run", "--ood", "other"]);
    assert_eq!(value["ood"], json!({"n": 40, "name": "other", "path": "other"}));
    let (without, themselves) = (eval(&place, &["run"]), eval(&place, &["run", "--ood", "data"]));
    for kind in KINDS {
        let ood = &value["uncertainty"][kind]["ood"];
        assert_eq!(keys(ood), ["entropy", "by_maximum_probability", "by_entropy", "by_mutual_information"].into());
        for score in ["by_maximum_probability", "by_entropy", "by_mutual_information"] {
            if score == "by_mutual_information" && !kind.starts_with("sampled") {
                assert_eq!(ood[score], Value::Null, "one set of weights disagrees with none");
                continue;
            }
            assert_eq!(keys(&ood[score]), ["auroc", "aupr_other", "aupr_own", "fpr_at_95_tpr"].into());
            let figures = ["auroc", "aupr_other", "aupr_own", "fpr_at_95_tpr"].map(|name| number(&ood[score][name]));
            assert!(figures.iter().all(|figure| (0.0..=1.0).contains(figure)), "{ood}");
            // Images cannot be separated from themselves: every pair is a tie or has its mirror image.
            let same = &themselves["uncertainty"][kind]["ood"][score];
            assert_eq!(number(&same["auroc"]), 0.5, "{kind} {score}: {same}");
            assert!(number(&same["fpr_at_95_tpr"]) >= 0.95, "{kind} {score}: {same}");
        }
        let mut own = value["uncertainty"][kind].clone();
        own["ood"] = Value::Null;
        assert_eq!(own, without["uncertainty"][kind], "{kind}: other images change nothing about the test images");
    }
    let packed = eval(&place, &["run/model.packed", "--data", "data", "--ood", "other"]);
    let [seen, expected] =
        [&packed, &value].map(|value| number(&value["uncertainty"]["quantized"]["ood"]["by_entropy"]["auroc"]));
    assert!((seen - expected).abs() < 1e-3, "{seen}, {expected}");
    // Colour images of three equal channels are grey images; others have another shape.
    let images = place.read("other/t10k-images-idx3-ubyte");
    let colours = |last: u8| {
        let header = [0x804_u32, 40, 3, 12, 12].map(u32::to_be_bytes).concat();
        let mut pixels: Vec<u8> = images[16..].chunks(144).flat_map(|plane| plane.repeat(3)).collect();
        *pixels.last_mut().unwrap() ^= last;
        [header, pixels].concat()
    };
    fs::create_dir(place.path("colour")).unwrap();
    fs::write(place.path("colour/t10k-images-idx4-ubyte"), colours(0)).unwrap();
    let mut of_colours = eval(&place, &["run", "--ood", "colour"]);
    of_colours["ood"] = value["ood"].clone();
    assert_eq!(of_colours, value);
    fs::write(place.path("colour/t10k-images-idx4-ubyte"), colours(1)).unwrap();
    place.refuse(&["eval", "run", "--ood", "colour"], 1, &["images of --ood", "[1, 12, 12]", "[3, 12, 12]"]);
    write_data(&place.path("larger"), 10, 40, 13);
    for source in ["run", "run/model.packed"] {
        let arguments = ["eval", source, "--data", "data", "--ood", "larger"];
        place.refuse(&arguments, 1, &["images of --ood", "[1, 12, 12]", "[1, 13, 13]"]);
        place.refuse(&["eval", source, "--data", "data", "--ood", "none"], 1, &["none", "nothing of that name"]);
    }
}

/// The saved logits are those of the figures of merit: the oracle computes the same figures from them.
#[test]
fn saved_logits_are_those_of_every_draw() {
    let place = Workplace::with_run();
    write_data(&place.path("other"), 10, 300, 12);
    let arguments = ["run", "--ood", "other", "--samples", "3", "--save-logits", "logits.safetensors"];
    let value = eval(&place, &arguments);
    assert_eq!(value, eval(&place, &arguments[..5]), "saving changes nothing");
    let saved = crate::oracle::read(&place.path("logits.safetensors"));
    let names: Vec<&str> = saved.keys().map(String::as_str).collect();
    let own_and_other = KINDS.iter().flat_map(|kind| [kind.to_string(), format!("other_{kind}")]);
    let mut expected: Vec<String> = own_and_other.chain(["labels".to_string()]).collect();
    expected.sort();
    assert_eq!(names, expected);
    let bytes = place.read("logits.safetensors");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for kind in KINDS {
        let draws = if kind.starts_with("sampled") { 3 } else { 1 };
        let (own, other) = (file.tensor(kind).unwrap(), file.tensor(&format!("other_{kind}")).unwrap());
        assert_eq!((own.shape(), other.shape()), (&[draws, 64, 10][..], &[draws, 300, 10][..]));
        let tensors = [("logits", own), ("labels", file.tensor("labels").unwrap()), ("other_logits", other)];
        fs::write(place.path("in.safetensors"), safetensors::serialize(tensors, None).unwrap()).unwrap();
        place.succeed(&["oracle", "uncertainty", "in.safetensors", "out.safetensors"]);
        let seen = crate::oracle::read(&place.path("out.safetensors"));
        let of = &value["uncertainty"][kind];
        for name in ["accuracy", "nll", "brier", "ece", "ece_equal_mass", "mce", "aurc"] {
            assert_eq!(seen[name].values[0] as f32, number(&of[name]) as f32, "{kind} {name}");
        }
        assert_eq!(seen["auroc"].values[1] as f32, number(&of["ood"]["by_entropy"]["auroc"]) as f32, "{kind}");
    }
    place.succeed(&["eval", "run/model.packed", "--data", "data", "--save-logits", "packed.safetensors"]);
    let packed = crate::oracle::read(&place.path("packed.safetensors"));
    assert_eq!(packed.keys().collect::<Vec<_>>(), ["labels", "quantized"]);
    assert_eq!(packed["labels"], saved["labels"]);
}

#[test]
fn logits_are_saved_where_nothing_is_lost_and_only_as_many_as_can_be_read() {
    let place = Workplace::with_run();
    let run = |path| ["eval", "run", "--save-logits", path];
    place.refuse(&run("run/checkpoint.safetensors"), 1, &["a file that no run needs", "checkpoint.safetensors"]);
    place.refuse(&run("data"), 1, &["data", "a file to write", "a directory"]);
    place.refuse(&run("none/logits"), 1, &["none"]);
    fs::copy(place.path("run/model.packed"), place.path("x.packed")).unwrap();
    for arguments in [
        &["eval", "x.packed", "--data", "data", "--save-logits", "x.packed"][..],
        &["eval", "run", "--ood", "x.packed", "--save-logits", "./x.packed"],
    ] {
        place.refuse(arguments, 1, &["x.packed", "another file than the input"]);
    }
    // 100,000 draws of 64 images of ten classes, twice, take 512 MB; those of 640 images more than 4 GiB.
    write_data(&place.path("many"), 10, 640, 12);
    let many = ["eval", "run", "--data", "many", "--samples", "100000", "--save-logits", "logits"];
    place.refuse(&many, 2, &["save-logits", "at most 4294967296 bytes", "51"]);
    // An evaluation that fails leaves no file.
    let mut checkpoint = Parts::of(&place.read("run/checkpoint.safetensors"));
    (0..128 * 10).for_each(|i| checkpoint.set("fc3.theta", i, f32::MAX));
    fs::write(place.path("run/checkpoint.safetensors"), checkpoint.sealed()).unwrap();
    place.refuse(&run("logits"), 1, &["tensor ln softmax(logits)", "finite numbers"]);
}

#[test]
fn without_a_prior_no_weights_are_drawn() {
    let place = Workplace::new();
    let trained = place.train("run", &["--prior", "none"]);
    assert!(trained.contains("\nmean ") && !trained.contains("sampled"), "{trained}");
    let output = place.run(&["eval", "run", "--samples", "2", "--save-logits", "logits.safetensors"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && stderr.starts_with("a run without a prior has no posterior"), "{stderr}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(cells(&table, "weights"), ["mean", "quantized"]);
    assert!(!table.contains("draws"), "{table}");
    let logits = place.read("logits.safetensors");
    let logits = SafeTensors::deserialize(&logits).unwrap();
    assert_eq!(logits.names().into_iter().collect::<BTreeSet<_>>(), ["labels", "mean", "quantized"].into());

    let json: Value = serde_json::from_slice(&place.run(&["eval", "run", "--json"]).stdout).unwrap();
    for name in ["accuracy_mean", "accuracy_quantized", "nll_mean", "nll_quantized", "quantized_loss"] {
        assert!(json[name].is_f64(), "{name}: {}", json[name]);
    }
    for name in ["accuracy_sample", "nll_sample", "samples"] {
        assert_eq!(json[name], Value::Null, "{name}");
    }
}

#[test]
fn a_packed_model_has_the_quantized_weights_of_its_run() {
    let place = Workplace::with_run();
    let run = eval(&place, &["run"]);
    let packed = eval(&place, &["run/model.packed", "--data", "data"]);
    assert_eq!((&packed["accuracy_quantized"], &packed["n"]), (&run["accuracy_quantized"], &json!(64)));
    let [seen, expected] = [&packed, &run].map(|value| value["nll_quantized"].as_f64().unwrap());
    assert!((seen - expected).abs() < 1e-5 * expected, "{seen}, {expected}");
    for name in ["accuracy_mean", "accuracy_sample", "nll_mean", "nll_sample", "quantized_loss", "samples"] {
        assert_eq!(packed[name], Value::Null, "{name}");
    }
    for kind in ["mean", "sampled", "sampled_m_ary"] {
        assert_eq!(packed["uncertainty"][kind], Value::Null, "{kind}");
    }
    let table = place.succeed(&["eval", "run/model.packed", "--data", "data"]);
    assert_eq!(cells(&table, "weights"), ["quantized"]);
    assert!(!table.contains("sampled") && !table.contains("quantized loss"), "{table}");
}

#[test]
fn statistics_estimated_anew_are_those_that_quantize_packs() {
    let place = Workplace::with_run();
    let (trained, run) = (eval(&place, &["run"]), eval(&place, &["run", "--recalibrate=200"]));
    for name in ["nll_mean", "nll_quantized"] {
        assert_ne!(run[name], trained[name], "{name}");
    }
    for name in ["nll_sample", "accuracy_sample", "quantized_loss"] {
        assert_eq!(run[name], trained[name], "{name}");
    }
    let m_ary = |value: &Value| value["uncertainty"]["sampled_m_ary"]["nll"].clone();
    assert_ne!(m_ary(&run), m_ary(&trained), "its statistics are those of the quantized weights");
    place.succeed(&["quantize", "run", "--recalibrate=200", "--out", "anew.packed"]);
    let packed = eval(&place, &["anew.packed", "--data", "data"]);
    assert_eq!(packed["accuracy_quantized"], run["accuracy_quantized"]);
    let [seen, expected] = [&packed, &run].map(|value| value["nll_quantized"].as_f64().unwrap());
    assert!((seen - expected).abs() < 1e-5 * expected, "{seen}, {expected}");
    // Without a number, all training images are used, since there are fewer than the default number.
    assert_eq!(eval(&place, &["run", "--recalibrate"]), eval(&place, &["run", "--recalibrate=4294967295"]));
    place.refuse(&["eval", "run", "--recalibrate=0"], 2, &["--recalibrate", "0"]);
    place.refuse(&["eval", "run", "--recalibrate=1"], 2, &["recalibrate", "batches of at least 2", "1"]);
    place.refuse(&["quantize", "run", "--out", "x", "--recalibrate=-1"], 2, &["--recalibrate", "-1"]);
    place.refuse(&["eval", "anew.packed", "--recalibrate"], 2, &["recalibrate", "a run directory", "a packed model"]);
}

#[test]
fn kmeans_levels_fit_the_weights_better_the_more_there_are() {
    let place = Workplace::with_run();
    let loss = |arguments: &[&str]| {
        let value = eval(&place, &[&["run"], arguments].concat());
        assert_eq!(value["nll_mean"], eval(&place, &["run"])["nll_mean"]);
        value["quantized_loss"].as_f64().unwrap()
    };
    let losses = [loss(&["--kmeans", "2"]), loss(&["--kmeans", "3"]), loss(&["--kmeans", "16"])];
    assert!(losses[0] > losses[1] && losses[1] > 10.0 * losses[2], "{losses:?}");
    assert!(losses[1] < loss(&[]), "{losses:?}");
}

#[test]
fn other_data_may_be_given_if_it_fits() {
    let place = Workplace::with_run();
    write_data(&place.path("more"), 10, 200, 12);
    assert_eq!(eval(&place, &["run", "--data", "more"])["n"], 200);
    write_data(&place.path("larger"), 20, 10, 13);
    for source in ["run", "run/model.packed"] {
        place.refuse(&["eval", source, "--data", "larger"], 1, &["images", "[1, 12, 12]", "[1, 13, 13]"]);
    }
    place.refuse(&["eval", "run/model.packed"], 2, &["--data with data, which the model was trained on", "MNIST"]);
    fs::rename(place.path("data"), place.path("elsewhere")).unwrap();
    place.refuse(&["eval", "run"], 1, &["data", "whose new path --data gives", "nothing of that name"]);
    assert_eq!(eval(&place, &["run", "--data", "elsewhere"])["n"], 64);
}

#[test]
fn a_model_of_other_classes_than_the_data_is_refused() {
    let place = Workplace::with_run();
    let model = spikeslab::packed::format::load(&place.path("run/model.packed")).unwrap();
    // The same network with three classes.
    let codebook = spikeslab::prior::Codebook::symmetric(3).unwrap();
    let graph = Description::with_widths("mlp", model.input(), &[256, 128, 3]).unwrap();
    let three = spikeslab::packed::PackedModel::new("mlp", &Network::<f32>::new(graph, &codebook), None);
    spikeslab::packed::format::save(&place.path("three.packed"), &three).unwrap();
    place.refuse(&["eval", "three.packed", "--data", "data"], 1, &["labels", "3 classes", "10"]);
}

#[test]
fn a_run_in_its_middle_can_be_evaluated() {
    let place = Workplace::new();
    place.train("run", &[]);
    let whole = eval(&place, &["run"]);
    for name in ["model.packed", "metrics.jsonl", "figures/funnel.svg"] {
        fs::remove_file(place.path("run").join(name)).unwrap();
    }
    assert_eq!(eval(&place, &["run"]), whole);
}

#[test]
fn weights_that_overflow_are_named_not_scored() {
    let place = Workplace::with_run();
    let mut checkpoint = Parts::of(&place.read("run/checkpoint.safetensors"));
    (0..128 * 10).for_each(|i| checkpoint.set("fc3.theta", i, f32::MAX));
    fs::write(place.path("run/checkpoint.safetensors"), checkpoint.sealed()).unwrap();
    place.refuse(&["eval", "run", "--json"], 1, &["tensor ln softmax(logits)", "finite numbers", "NaN"]);
}

#[test]
fn figures_show_every_kind_of_weights_and_are_the_same_again() {
    let place = Workplace::with_run();
    write_data(&place.path("other"), 10, 40, 12);
    let figures = ["reliability", "risk-coverage", "entropy", "confusion", "images"];
    let draw = |dir: &str, arguments: &[&str]| {
        place.succeed(&[&["eval"], arguments, &["--figures", dir]].concat());
        let read = |name: &str| String::from_utf8(place.read(format!("{dir}/{name}.svg"))).unwrap();
        figures.map(read)
    };
    let seen = draw("new/figures", &["run", "--ood", "other"]);
    assert_eq!(fs::read_dir(place.path("new/figures")).unwrap().count(), 5);
    for (name, svg) in figures.iter().zip(&seen).filter(|(name, _)| **name != "images") {
        for kind in ["mean", "sampled", "quantized", "sampled M-ary"] {
            assert!(svg.contains(&format!(">{kind}")), "{kind} in {name}");
        }
    }
    assert!(seen[2].contains("AUROC") && seen[4].matches("<image ").count() == 24);
    assert_eq!(draw("again", &["run", "--ood", "other", "--threads", "1"]), seen);
    let packed = draw("again", &["run/model.packed", "--data", "data"]);
    assert!(packed[4].contains("quantized weights") && !packed[0].contains("sampled"));
    place.refuse(&["eval", "run", "--figures", "run/config.json"], 1, &["config.json"]);
}

/// Statistics are estimated on the images that the run is trained on: not on those held out, nor beyond the limit.
#[test]
fn statistics_are_estimated_on_the_training_images_of_the_run() {
    let place = Workplace::new();
    place.train("run", &["--limit", "200", "--validation", "0.25"]);
    let all = eval(&place, &["run", "--recalibrate"]);
    assert_eq!(eval(&place, &["run", "--recalibrate=150"]), all);
    assert_ne!(eval(&place, &["run", "--recalibrate=148"]), all, "more than 148");
    // `with_run` trains on all 256.
    let whole = Workplace::with_run();
    assert_ne!(eval(&whole, &["run", "--recalibrate=150"]), eval(&whole, &["run", "--recalibrate"]));
}
