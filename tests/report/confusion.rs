use super::{numbered, read, texts};
use spikeslab::report::{Confusion, confusion};

#[test]
fn counts_are_rows_of_labels() {
    let seen = Confusion::new("mean", &numbered(3), &[0, 1, 1, 2, 0], &[0, 1, 2, 2, 2]);
    assert_eq!(seen.counts, [1, 0, 0, 0, 1, 0, 1, 1, 1]);
}

#[test]
fn every_cell_with_images_is_drawn_and_written() {
    let predicted = [0, 0, 0, 1, 1, 1, 1, 0, 2];
    let labels = [0, 0, 0, 1, 1, 1, 1, 1, 0];
    let kinds = ["mean", "sampled"].map(|name| Confusion::new(name, &numbered(3), &predicted, &labels));
    let elements = read(&confusion(&kinds));
    let cells: Vec<&str> = elements.iter().filter(|e| e.has("shape-rendering")).map(|e| e.get("d")).collect();
    assert_eq!(cells.iter().map(|d| d.matches('M').count()).sum::<usize>(), 8);
    // Row 0: three of four images right, one predicted as class 2; row 1: four of five right.
    assert!(cells.iter().any(|d| d.contains("M2 0.5h1")) && cells.iter().any(|d| d.contains("M0 1.5h1")), "{cells:?}");
    let texts = texts(&elements);
    assert_eq!(texts.iter().filter(|text| **text == "2 of 9 wrong").count(), 2, "{texts:?}");
    for text in ["mean", "sampled", "label", "class predicted", "3", "4"] {
        assert!(texts.contains(&text), "{text} in {texts:?}");
    }
}

#[test]
fn a_hundred_classes_are_shaded_and_some_are_named() {
    let all: Vec<usize> = (0..100).collect();
    let svg = confusion(&[Confusion::new("quantized", &numbered(100), &all, &all)]);
    let elements = read(&svg);
    let cells: usize =
        elements.iter().filter(|e| e.has("shape-rendering")).map(|e| e.get("d").matches('M').count()).sum();
    assert_eq!(cells, 100);
    let named = texts(&elements).iter().filter(|text| text.parse::<usize>().is_ok()).count();
    assert!((20..60).contains(&named), "{named}");
    assert!(svg.len() < 20_000, "{}", svg.len());
}

#[test]
fn odd_kinds_are_drawn() {
    assert!(texts(&read(&confusion(&[]))).contains(&"no weights"));
    for classes in [0, 1, 2] {
        let kinds: Vec<Confusion> = (0..5).map(|_| Confusion::new("none", &numbered(classes), &[], &[])).collect();
        assert!(texts(&read(&confusion(&kinds))).contains(&"0 of 0 wrong"));
    }
}

#[test]
fn classes_stand_beside_rows_and_under_columns_by_their_names() {
    let classes = ["airplane", "automobile", "a class with a name that is far too long", "cat"].map(str::to_string);
    let kinds = ["mean", "sampled"].map(|name| Confusion::new(name, &classes, &[0, 1, 2, 3], &[0, 1, 2, 2]));
    let elements = read(&confusion(&kinds));
    let of = |name: &str| elements.iter().filter(|e| e.text == name).collect::<Vec<_>>();
    for name in ["airplane", "automobile", "cat"] {
        let [row, column, _, _] = of(name)[..].try_into().expect("a row and a column in each of two matrices");
        // Whichever is drawn first.
        let [column, row] = if row.has("x") { [column, row] } else { [row, column] };
        assert!(row.has("x") && column.get("transform").ends_with("rotate(-90)"), "{row:?}, {column:?}");
    }
    assert!(of(&classes[2]).is_empty());
    let cut = elements.iter().filter(|e| e.text.starts_with("a class") && e.text.ends_with('…')).count();
    assert_eq!(cut, 4);
    // Matrices stay in their halves of the figure.
    for cells in elements.iter().filter(|e| e.has("shape-rendering")) {
        let x = cells.get("transform").split(['(', ' ']).nth(1).expect("translate(x …");
        let x: f64 = x.parse().expect("a number");
        assert!((100.0..130.0).contains(&x) || (500.0..530.0).contains(&x), "{x}");
    }
}

#[test]
fn names_narrower_than_their_columns_read_to_the_right() {
    let classes = ["cat", "dog"].map(str::to_string);
    let elements = read(&confusion(&[Confusion::new("mean", &classes, &[0, 1], &[0, 1])]));
    assert_eq!(elements.iter().filter(|e| e.text == "dog" && e.has("x")).count(), 2);
}
