use super::{paths, read, texts};
use spikeslab::report::{Reliability, reliability};
use spikeslab::train::uncertainty::calibration::{BINS, Bin, equal_width};

fn kind(name: &str, confidence: &[f64], right: &[bool]) -> Reliability {
    Reliability { name: name.to_string(), bins: equal_width(confidence, right).unwrap() }
}

#[test]
fn each_kind_has_a_bar_a_disc_and_a_count_a_bin() {
    let confidence = [0.3, 0.5, 0.55, 0.9, 0.99, 1.0, 1.0];
    let right = [false, true, false, true, true, true, true];
    let kinds = ["mean", "sampled", "quantized", "sampled M-ary"].map(|name| kind(name, &confidence, &right));
    let elements = read(&reliability(&kinds));
    for (color, tint) in
        [("#d55e00", "#f3cdb0"), ("#0072b2", "#a9cfe6"), ("#009e73", "#addfd1"), ("#b0568a", "#ecd0e0")]
    {
        let bars = |color: &str| paths(&elements, "fill", color)[0].get("d").matches('M').count();
        let discs = paths(&elements, "stroke", color)[0].get("d").matches('M').count();
        // The confidences 0.3, 0.5 and 0.55, 0.9, 0.99 and 1 are in bins 5, 8 and 9, 14, 15.
        assert_eq!((bars(tint), bars(color), discs), (5, 5, 5), "{color}");
    }
    let texts = texts(&elements);
    for name in ["mean", "sampled", "quantized", "sampled M-ary"] {
        assert!(texts.contains(&name), "{texts:?}");
    }
    assert_eq!(texts.iter().filter(|text| text.starts_with("ECE 0.")).count(), 4);
    assert_eq!(texts.iter().filter(|text| **text == "confidence").count(), 4);
}

/// The disc of a bin whose accuracy equals its confidence is on the diagonal.
#[test]
fn a_calibrated_bin_lies_on_the_diagonal() {
    let bins =
        vec![Bin { images: 4, confidence: 0.25, accuracy: 0.25 }, Bin { images: 4, confidence: 0.75, accuracy: 0.75 }];
    let elements = read(&reliability(&[Reliability { name: "mean".to_string(), bins }]));
    let numbers = |d: &str| -> Vec<f64> {
        let parts = d.split(['M', 'L', ' ', 'h']).filter(|part| !part.is_empty());
        parts.map(|part| part.parse().unwrap()).collect()
    };
    let dashed: Vec<_> =
        paths(&elements, "stroke", "#5f5f5f").into_iter().filter(|e| e.has("stroke-dasharray")).collect();
    let line = numbers(dashed.last().unwrap().get("d"));
    let discs = numbers(paths(&elements, "stroke", "#d55e00")[0].get("d"));
    let on_line = |x: f64| line[1] + (line[3] - line[1]) * (x - line[0]) / (line[2] - line[0]);
    for disc in discs.chunks(3) {
        assert!((disc[1] - on_line(disc[0])).abs() < 0.05, "{disc:?} off {line:?}");
    }
}

/// No text begins before the text left of it on the same baseline has ended.
#[test]
fn names_and_errors_stand_apart() {
    use spikeslab::report::svg::Font;
    let (confidence, right) = ([0.3001, 0.9, 1.0], [false, true, true]);
    for name in ["mean", "sampled M-ary", "sampled M-ary, hard"] {
        let kinds: Vec<_> = (0..4).map(|_| kind(name, &confidence, &right)).collect();
        let elements = read(&reliability(&kinds));
        let of = |start: &'static str| elements.iter().filter(move |e| e.text.starts_with(start));
        // The left end of each ECE, whose right end is its place, and the right end of each name.
        let eces = of("ECE").map(|e| (e.number("x") - Font::SMALL.width(&e.text), e.number("y")));
        let names = of(name).map(|e| (e.number("x") + Font::TITLE.width(&e.text), e.number("y")));
        assert_eq!((eces.clone().count(), names.clone().count()), (4, 4));
        for (ece, name) in eces.zip(names) {
            assert!(ece.0 > name.0 || ece.1 > name.1 + 12.0, "{ece:?}, {name:?}");
        }
    }
}

#[test]
fn odd_kinds_are_drawn() {
    assert!(texts(&read(&reliability(&[]))).contains(&"no weights"));
    let empty = Reliability { name: "mean".to_string(), bins: vec![Bin::default(); BINS] };
    let none = Reliability { name: String::new(), bins: Vec::new() };
    for kinds in
        [vec![empty.clone()], vec![none.clone(), empty.clone()], vec![empty, none, kind("one", &[1.0], &[true])]]
    {
        assert!(texts(&read(&reliability(&kinds))).contains(&"no images"));
    }
}
