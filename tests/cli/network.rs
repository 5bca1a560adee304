use super::Workplace;
use crate::common::networks::preset;
use spikeslab::nets::{Given, Graph};
use std::collections::BTreeSet;
use std::fs;

fn graph(text: &str) -> Graph {
    Graph::parse("printed", text, Given::default()).unwrap()
}

#[test]
fn what_is_printed_is_the_text_of_the_network() {
    let place = Workplace::new();
    for (name, input) in [
        ("mlp", [1, 28, 28]),
        ("lenet5", [1, 28, 28]),
        ("densenet:depth=7,growth=3", [3, 32, 32]),
        ("resnet20", [3, 32, 32]),
    ] {
        let printed = place.succeed(&["network", name]);
        let any_classes = Given { classes: Some(100), ..Given::default() };
        assert_eq!(Graph::parse("printed", &printed, any_classes).unwrap().classes(), 100, "{name}");
        let ten = Given { classes: Some(10), ..Given::default() };
        assert_eq!(Graph::parse("printed", &printed, ten).unwrap(), preset(name, input), "{name}");
        // Each operation begins in the same column.
        let text = printed.lines().take_while(|line| *line != "#").filter(|line| !line.starts_with("input"));
        let column = |line: &str| {
            let is_named = !line.starts_with(' ');
            let after = if is_named { line.find(' ').expect("an operation") } else { 0 };
            after + line[after..].find(|c| c != ' ').expect("an operation")
        };
        let columns: BTreeSet<usize> = text.map(column).collect();
        assert_eq!(columns.len(), 1, "{printed}");
        // The printed text, written to a file, describes the same network.
        fs::write(place.path("mine.net"), &printed).unwrap();
        assert_eq!(place.succeed(&["network", "mine.net"]), printed);
    }
    let other = graph(&place.succeed(&["network", "lenet5", "--input", "3x32x32", "--classes", "100"]));
    assert_eq!((other.input, other.classes()), ([3, 32, 32], 100));
    fs::write(place.path("open.net"), "flatten\ndense classes").unwrap();
    let open = place.succeed(&["network", "open.net", "--input", "1x2x3"]);
    assert!(open.starts_with("input 1x2x3\nflatten\ndense classes\n"), "{open}");
    let open = graph(&place.succeed(&["network", "open.net", "--input", "1x2x3", "--classes", "10"]));
    assert_eq!((open.input, open.classes(), open.weights()), ([1, 2, 3], 10, 60));
}

#[test]
fn each_line_has_its_output_weights_and_multiplications_and_all_their_sums() {
    let printed = Workplace::new().succeed(&["network", "lenet5"]);
    let row = |name: &str| -> Vec<&str> {
        let rows = printed.lines().map(|line| line.trim_start_matches("# ").split_whitespace().collect::<Vec<_>>());
        // The table follows the text.
        rows.rev().find(|words| words.first() == Some(&name)).unwrap_or_else(|| panic!("{name}: {printed}"))
    };
    // 6 kernels of 5 × 5 at 24 × 24 positions.
    assert_eq!(row("conv1"), ["conv1", "6", "x", "24", "x", "24", "150", "86400"]);
    assert_eq!(row("bn2"), ["bn2", "16", "x", "8", "x", "8"]);
    assert_eq!(row("fc3"), ["fc3", "10", "840", "840"]);
    let multiplications = 86_400 + 64 * 2400 + 30_720 + 10_080 + 840;
    assert_eq!(row("sum"), ["sum", "44190", &multiplications.to_string()]);
}

#[test]
fn a_line_that_is_wrong_is_named_with_its_file_and_number() {
    let place = Workplace::new();
    fs::write(place.path("mine.net"), "input 1x12x12\n\nflatten # features\nsigmoid\ndense 2").unwrap();
    place.refuse(&["network", "mine.net"], 2, &["mine.net, line 4, sigmoid", "an operation"]);
    place.refuse(&["train", "mine.net", "--data", "data"], 2, &["mine.net, line 4, sigmoid"]);
    place.refuse(&["network", "none.net"], 2, &["network", "the file of a network's text", "none.net"]);
    place.refuse(&["network", "data"], 1, &["data"]);
}
