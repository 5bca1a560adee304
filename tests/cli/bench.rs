use super::Workplace;
use serde_json::Value;

#[test]
fn one_json_object_tells_the_phases_of_a_step_and_inference() {
    let place = Workplace::new();
    let printed = place.succeed(&["bench", "mlp", "--batch-size", "16", "--levels", "4", "--threads", "1", "--json"]);
    assert_eq!(printed.lines().count(), 1, "{printed}");
    let value: Value = serde_json::from_str(&printed).unwrap();
    let number = |value: &Value| value.as_f64().filter(|number| *number > 0.0).unwrap_or_else(|| panic!("{printed}"));
    assert_eq!(value["threads"], 1);
    number(&value["peak_gflops"]);
    let networks = value["networks"].as_array().unwrap();
    assert_eq!((networks.len(), &networks[0]["network"], &networks[0]["batch_size"]), (1, &"mlp".into(), &16.into()));
    let phases = networks[0]["phases"].as_object().unwrap();
    let mut names: Vec<&str> = phases.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["backward", "data", "forward", "kl", "optimizer"]);
    assert!(phases.values().map(number).sum::<f64>() > 0.0);
    // Six products per weight and image; four in the first layer, which computes no gradient with respect to its input.
    let (first, rest) = (784.0 * 256.0, 256.0 * 128.0 + 128.0 * 10.0);
    let gflop = 16.0 * 2.0 * (4.0 * first + 6.0 * rest) / 1e9;
    let rate = number(&networks[0]["gflops"]);
    assert!((rate * number(&networks[0]["milliseconds"]) / 1e3 / gflop - 1.0).abs() < 1e-9, "{printed}");
    let packed: Vec<&Value> = networks[0]["packed"].as_array().unwrap().iter().collect();
    assert_eq!((packed.len(), &packed[0]["images"], &packed[1]["images"]), (2, &1.into(), &256.into()));
    assert!(packed.iter().map(|inference| number(&inference["milliseconds"])).all(f64::is_finite));
}

#[test]
fn a_table_for_people() {
    let printed = Workplace::new().succeed(&["bench", "lenet5", "--batch-size", "8"]);
    for part in
        ["threads, peak of a matrix product", "lenet5, step of 8 images", "forward", "% of the peak", "packed, 256"]
    {
        assert!(printed.contains(part), "{part}: {printed}");
    }
}

#[test]
fn a_densenet_of_the_sizes_asked_for() {
    let densenet = "densenet:depth=10,growth=2,bottleneck=true";
    let printed = Workplace::new().succeed(&["bench", densenet, "--batch-size", "1"]);
    assert!(printed.contains(&format!("{densenet}, step of 1 image")), "{printed}");
}

/// A text may fix its number of classes, or leave it to the data.
#[test]
fn networks_of_texts() {
    let place = Workplace::new();
    for (classes, name) in [("7", "seven.net"), ("classes", "any.net")] {
        std::fs::write(place.path(name), format!("input 1x2x2\nflatten\ndense {classes}\n")).unwrap();
        let printed = place.succeed(&["bench", name, "--batch-size", "2"]);
        assert!(printed.contains("step of 2 images"), "{printed}");
    }
    // The network has 65,536 classes, the most that labels of two bytes can number.
    let most = "input 1x1x1\nf flatten\na dense 32768 of f\nb dense 32768 of f\nconcat of a b\n";
    std::fs::write(place.path("most.net"), most).unwrap();
    place.succeed(&["bench", "most.net", "--batch-size", "2"]);
    std::fs::write(place.path("open.net"), "flatten\ndense 7\n").unwrap();
    place.refuse(&["bench", "open.net"], 2, &["open.net", "input"]);
}

#[test]
fn what_cannot_be_timed_is_refused() {
    let place = Workplace::new();
    place.refuse(&["bench", "lenet6"], 2, &["lenet6"]);
    for batch in ["0", "4097", "-1"] {
        place.refuse(&["bench", "mlp", "--batch-size", batch], 2, &["batch-size", batch]);
    }
    place.refuse(&["bench", "mlp", "--levels", "1"], 2, &["2 to 256", "1"]);
    place.refuse(&["bench", "densenet:depth=41"], 2, &["3n + 4", "41"]);
    place.refuse(&["bench", "lenet5:depth=40"], 2, &["lenet5", "no sizes", "depth"]);
    place.refuse(&["bench", "lenet5", "--depth", "40"], 2, &["--depth"]);
}
