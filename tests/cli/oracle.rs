use super::Workplace;
use std::fs;

#[test]
fn the_list_names_every_operation_and_its_options() {
    let place = Workplace::new();
    let list = place.succeed(&["oracle", "--list"]);
    for operation in spikeslab::oracle::OPERATIONS {
        assert!(list.lines().any(|line| line.starts_with(&format!("{}  ", operation.name))), "{}", operation.name);
    }
    assert_eq!(
        list.lines().filter(|line| line.starts_with("    domain   ")).count(),
        spikeslab::oracle::OPERATIONS.len()
    );
    for part in [
        "every operation",
        "--allow-non-finite",
        "t of at least 0",
        "x (B, I)",
        "[bias (O)]",
        "labels (B) I64",
        "--padding",
        "outputs  y, mean, variance",
        "eps.<layer>",
    ] {
        assert!(list.contains(part), "{part} in {list}");
    }
}

#[test]
fn the_list_is_there_for_programs_too_and_for_one_operation() {
    let place = Workplace::new();
    let of = |arguments: &[&str]| -> serde_json::Value { serde_json::from_str(&place.succeed(arguments)).unwrap() };
    let all = of(&["oracle", "--list", "--json"]);
    let operations = all.as_array().unwrap();
    assert_eq!(operations.len(), spikeslab::oracle::OPERATIONS.len());
    for (shown, operation) in operations.iter().zip(spikeslab::oracle::OPERATIONS) {
        assert_eq!((&shown["name"], &shown["domain"]), (&operation.name.into(), &operation.domain.into()));
        assert_eq!(
            shown["options"].as_array().unwrap().len(),
            operation.options.len() + spikeslab::oracle::catalogue::COMMON.len()
        );
    }
    let kl = operations.iter().find(|operation| operation["name"] == "kl").unwrap();
    let level_weights = serde_json::json!({"name": "level_weights", "shape": "M", "optional": true});
    assert_eq!(kl["inputs"].as_array().unwrap().last(), Some(&level_weights));
    assert_eq!(of(&["oracle", "kl", "--list", "--json"]), serde_json::json!([kl]));
    assert_eq!(of(&["oracle", "--json", "--list"]), all);
    let listed = place.succeed(&["oracle", "kl", "--list"]);
    assert!(listed.starts_with("kl  (") && !listed.contains("dense"), "{listed}");
    place.refuse(&["oracle", "--list", "dens"], 2, &["operation", "dens"]);
    place.refuse(&["oracle", "--list", "kl", "dense"], 2, &["at most one operation", "dense"]);
    place.refuse(&["oracle", "--json"], 2, &["--list"]);
}

#[test]
fn an_output_that_is_not_finite_is_refused_unless_it_is_asked_for() {
    let place = Workplace::new();
    // log_sigma2 is 0 and 800: the second KL overflows.
    let header = r#"{"log_sigma2":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"theta":{"dtype":"F64","shape":[2],"data_offsets":[16,32]}}"#;
    let data = [0.0_f64, 800.0, 0.25, 0.5].map(f64::to_le_bytes).concat();
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
    fs::write(place.path("in.safetensors"), file).unwrap();
    let arguments = ["oracle", "gaussian-kl", "in.safetensors", "out.safetensors"];
    let parts = [
        "tensor kl: expected finite numbers, unless --allow-non-finite",
        "inf at [1], where log_sigma2 is 800, theta is 0.5",
    ];
    place.refuse(&arguments, 1, &parts);
    let allowed = ["oracle", "gaussian-kl", "--allow-non-finite", "in.safetensors", "out.safetensors"];
    assert_eq!(place.succeed(&allowed), "");
    assert_eq!(crate::oracle::read(&place.path("out.safetensors"))["kl"].values[1], f64::INFINITY);
    place.refuse(&[&arguments[..], &["--allow-non-finite=maybe"]].concat(), 2, &["allow-non-finite", "true or false"]);
}

#[test]
fn options_may_be_written_in_two_ways() {
    let place = Workplace::new();
    place.succeed(&["oracle", "noise", "a.safetensors", "--seed", "7", "--count=5"]);
    place.succeed(&["oracle", "noise", "--seed=7", "b.safetensors", "--count", "5"]);
    place.succeed(&["oracle", "noise", "c.safetensors", "--seed=8", "--count=5"]);
    assert_eq!(place.read("a.safetensors"), place.read("b.safetensors"));
    assert_ne!(place.read("a.safetensors"), place.read("c.safetensors"));
}

#[test]
fn what_is_wrong_is_said_in_one_line_and_nothing_is_written() {
    let place = Workplace::new();
    place.succeed(&["oracle", "noise", "in.safetensors"]);
    let cases: [(&[&str], i32, &[&str]); 10] = [
        (&["oracle"], 2, &["<OP>"]),
        (&["oracle", "dense"], 2, &["OP IN.safetensors OUT.safetensors", "1"]),
        (&["oracle", "dens", "in.safetensors", "out"], 2, &["operation", "dense", "dens"]),
        (&["oracle", "dense", "in.safetensors", "out", "--stride", "2"], 2, &["allow-non-finite, kernels", "stride"]),
        (&["oracle", "noise", "out", "--seed"], 2, &["seed", "a whole number", "no value"]),
        (&["oracle", "dense", "mlp", "in.safetensors", "out"], 2, &["OP IN.safetensors OUT.safetensors", "4"]),
        (&["oracle", "dense", "missing", "out"], 1, &["missing", "No such file"]),
        (&["oracle", "dense", "in.safetensors", "out"], 1, &["bits", "U32"]),
        (&["oracle", "kl", "-x", "in.safetensors", "out"], 2, &["options that begin with --", "-x"]),
        (&["oracle", "kl", "in.safetensors", "./in.safetensors"], 1, &["another file than the input"]),
    ];
    for (arguments, code, parts) in cases {
        place.refuse(arguments, code, parts);
    }
}

/// The metadata of the output say whether definitions or kernels computed it.
#[test]
fn the_output_says_what_computed_it() {
    let place = Workplace::new();
    place.succeed(&["oracle", "noise", "x.safetensors", "--count", "24"]);
    let computed_by = |name: &str| {
        let bytes = place.read(name);
        let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        metadata.metadata().clone().unwrap()["computed_by"].clone()
    };
    assert_eq!(computed_by("x.safetensors"), "definition");
    place.succeed(&["oracle", "noise", "--kernels", "y.safetensors", "--count", "24"]);
    assert_eq!(computed_by("y.safetensors"), "fast");
    place.refuse(&["oracle", "noise", "--kernels=maybe", "z.safetensors"], 2, &["kernels", "true or false"]);
}

/// The text of the network is an input too, and an option with the values true and false takes them as its value.
#[test]
fn the_text_of_a_network_is_not_overwritten_and_options_may_be_false() {
    let place = Workplace::new();
    fs::write(place.path("x.net"), "flatten\ndense 2\n").unwrap();
    fs::write(place.path("in.st"), "no tensors").unwrap();
    place.refuse(&["oracle", "network", "x.net", "in.st", "x.net"], 1, &["x.net", "another file than the input"]);
    place.refuse(&["oracle", "relu", "in.st", "out.st", "--kernels", "false"], 1, &["in.st", "safetensors"]);
    place.refuse(&["oracle", "relu", "--kernels", "in.st", "out.st"], 1, &["in.st", "safetensors"]);
}
