use super::Workplace;

#[test]
fn the_list_names_every_operation_and_its_options() {
    let place = Workplace::new();
    let list = place.succeed(&["oracle", "--list"]);
    for operation in spikeslab::oracle::OPERATIONS {
        assert!(list.lines().any(|line| line.starts_with(&format!("{}  ", operation.name))), "{}", operation.name);
    }
    for part in ["x (B, I)", "[bias (O)]", "labels (B) I64", "--padding", "outputs  y, mean, variance", "eps.<layer>"] {
        assert!(list.contains(part), "{part} in {list}");
    }
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
    let cases: [(&[&str], i32, &[&str]); 7] = [
        (&["oracle"], 2, &["<OP>"]),
        (&["oracle", "dense"], 2, &["OP IN.safetensors OUT.safetensors", "1"]),
        (&["oracle", "dens", "in.safetensors", "out"], 2, &["operation", "dense", "dens"]),
        (&["oracle", "dense", "in.safetensors", "out", "--stride", "2"], 2, &["no option", "stride"]),
        (&["oracle", "noise", "out", "--seed"], 2, &["seed", "a value", "none"]),
        (&["oracle", "dense", "missing", "out"], 1, &["missing", "No such file"]),
        (&["oracle", "dense", "in.safetensors", "out"], 1, &["bits", "U32"]),
    ];
    for (arguments, code, parts) in cases {
        place.refuse(arguments, code, parts);
    }
}
