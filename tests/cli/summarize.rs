use super::{SHORT, Workplace};
use serde_json::{Value, json};
use std::fs;

#[test]
fn a_row_a_run_as_columns_csv_and_json() {
    let place = Workplace::new();
    place.train("a,1", &["--seed", "7"]);
    place.train("two", &["--levels", "4", "--prior", "none"]);
    let table = place.succeed(&["summarize", "a,1", "two"]);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..7], ["run", "network", "data", "prior", "levels", "seed", "epochs"], "{table}");
    assert_eq!(
        (&lines[1][..6], &lines[2][..6]),
        (&["a,1", "mlp", "data", "nearest", "3", "7"][..], &["two", "mlp", "data", "none", "4", "0"][..])
    );

    // Runs that differ in their levels alone, of one number.
    place.train("three", &["--codebook=-0.4,0,0.4"]);
    let table = place.succeed(&["summarize", "a,1", "three"]);
    assert!(table.contains("[-0.2,0.0,0.2]") && table.contains("[-0.4,0.0,0.4]"), "{table}");
    assert!(!place.succeed(&["summarize", "a,1", "two"]).contains("codebook"));

    let csv = place.succeed(&["summarize", "a,1", "two", "--format", "csv"]);
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows[0].split(',').count(), 43, "{csv}");
    assert!(rows[1].starts_with("\"a,1\",mlp,data,,nearest,sampled,3,0.2,0.01,32,7,2,2,test,"), "{csv}");

    let json = place.succeed(&["summarize", "a,1", "two", "--format", "json"]);
    let rows: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let metrics = place.read("two/metrics.jsonl");
    let last: Value = serde_json::from_slice(metrics.split(|byte| *byte == b'\n').nth(1).unwrap()).unwrap();
    for name in ["accuracy_mean", "accuracy_quantized", "quantized_loss"] {
        assert_eq!(rows[1][name], last[name], "{name}");
    }
    assert_eq!(rows[1]["packed_bytes"], place.read("two/model.packed").len());
    let result: Value = serde_json::from_slice(&place.read("two/result.json")).unwrap();
    // Without a prior no weights are drawn.
    for name in ["samples", "accuracy_sample", "nll_sample"] {
        assert!(result[name].is_null(), "{result}");
    }
    for name in ["accuracy_mean", "accuracy_quantized", "nll_mean", "nll_quantized"] {
        assert!(result[name].is_f64());
        assert_eq!(rows[1][format!("test_{name}")], result[name], "{name}");
    }
    assert_eq!((&rows[0]["codebook"], &rows[0]["unquantized_layers"]), (&json!([-0.2, 0.0, 0.2]), &json!(0)));
    assert_eq!(rows[0]["level_gap"], json!(0.001));
    assert!(rows[1]["images"].is_null() && rows.len() == 2, "{json}");
    for (cells, row) in lines[1..].iter().zip(&rows) {
        let number = |name: &str| row[name].as_f64().unwrap();
        let expected = [
            format!("{:.4}", number("accuracy_mean")),
            format!("{:.4}", number("accuracy_quantized")),
            format!("{:.2}", number("quantized_loss")),
            row["packed_bytes"].to_string(),
        ];
        assert_eq!(cells[cells.len() - 4..], expected, "{table}");
    }
}

/// Where a directory holds a comparison, its runs; and which images the accuracies are of.
#[test]
fn comparisons_and_runs_watched_by_other_images() {
    let place = Workplace::new();
    place.succeed(&[&["compare", "mlp", "--data", "data", "--out", "pair"], &SHORT[..]].concat());
    place.train("alone", &["--validation", "0.25"]);
    let json = place.succeed(&["summarize", "pair", "alone", "--format", "json"]);
    let rows: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<_> = rows.iter().map(|row| (row["run"].as_str().unwrap(), row["on"].as_str().unwrap())).collect();
    assert_eq!(seen, [("pair/gaussian", "test"), ("pair/multi-spike", "test"), ("alone", "validation")]);
    // The accuracies on the test images stand beside those on the images held out.
    let table = place.succeed(&["summarize", "pair", "alone"]);
    let result: Value = serde_json::from_slice(&place.read("alone/result.json")).unwrap();
    assert_eq!(result["n"], 64);
    assert!(table.lines().next().unwrap().contains("test mean  test quantized"), "{table}");
    for name in ["accuracy_mean", "accuracy_quantized"] {
        assert_eq!(rows[2][format!("test_{name}")], result[name]);
        let cell = format!("{:.4}", result[name].as_f64().unwrap());
        assert!(table.lines().nth(3).unwrap().split_whitespace().any(|seen| seen == cell), "{cell} in {table}");
    }
    assert!(!place.succeed(&["summarize", "pair"]).contains("test mean"));
    // A run that is going on has no result yet, even if an earlier end has left one.
    let changed = String::from_utf8(place.read("alone/result.json")).unwrap().replace("\"epoch\": 2", "\"epoch\": 1");
    fs::write(place.path("alone/result.json"), changed).unwrap();
    let row: Value = serde_json::from_str(&place.succeed(&["summarize", "alone", "--format", "json"])).unwrap();
    assert!(row["test_accuracy_mean"].is_null() && row["accuracy_mean"].is_f64(), "{row}");
    fs::write(place.path("alone/result.json"), "{}").unwrap();
    place.refuse(&["summarize", "alone"], 1, &["result.json", "the result of a run"]);
    fs::write(place.path("pair/compare.json"), "{}").unwrap();
    place.refuse(&["summarize", "pair"], 1, &["compare.json", "the runs of a comparison"]);
}

/// A run that was stopped before the end of its first epoch has no metrics yet.
#[test]
fn what_is_not_there_yet_is_left_out_and_what_is_no_run_refused() {
    let place = Workplace::new();
    let _ = place.run(
        &[&["train", "mlp", "--data", "data", "--out", "run"], &SHORT[..2], &["--learning-rate", "1e30"]].concat(),
    );
    let row: Value = serde_json::from_str(&place.succeed(&["summarize", "run", "--format", "json"])).unwrap();
    assert!(row["accuracy_mean"].is_null() && row["packed_bytes"].is_null() && row["epochs_done"] == 0, "{row}");
    // The runs among the arguments are printed; the rest is named.
    let output = place.run(&["summarize", "data", "run", "none", "--format", "json"]);
    let [out, errors] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!((output.status.code(), out.lines().count(), errors.lines().count()), (Some(1), 1, 2), "{errors}");
    assert!(out.contains("\"run\":\"run\"") && errors.contains("data: ") && errors.contains("none: "), "{errors}");
    place.refuse(&["summarize", "data"], 1, &["data", "a run directory"]);
    fs::write(place.path("run/metrics.jsonl"), "{}\n").unwrap();
    place.refuse(&["summarize", "run"], 1, &["metrics.jsonl", "one object of metrics a line"]);
}
