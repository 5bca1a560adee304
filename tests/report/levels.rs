use spikeslab::report::layers::Grid;
use spikeslab::report::levels::{MOST_TIERS, tiers};
use spikeslab::report::svg::Font;
use spikeslab::report::{LayerPicture, WIDTH, funnel, histogram};

use super::{paths, read, texts, xml::Element};

/// The middle and the half width of a text, and its baseline.
fn place(e: &Element) -> (f64, f64, f64) {
    (e.number("x"), Font::SMALL.width(&e.text) / 2.0, e.number("y"))
}

/// The texts with the values of levels.
fn values(elements: &[Element]) -> Vec<&Element> {
    elements.iter().filter(|e| e.name == "text" && e.get("fill") == "#d55e00").collect()
}

/// θ in M spikes at evenly spaced levels, which have three digits.
fn spikes(m: usize) -> (Vec<f32>, Vec<f32>) {
    let levels: Vec<f32> = (0..m).map(|k| -0.301 + 0.622 * k as f32 / (m - 1) as f32).collect();
    ((0..300).map(|i| levels[i % m] + 1e-4 * (i % 7) as f32).collect(), levels)
}

#[test]
fn labels_touch_neither_each_other_nor_lines() {
    for (m, layers) in [(2, 1), (3, 5), (4, 5), (8, 1), (8, 5), (8, 13), (16, 1), (16, 5)] {
        let (theta, levels) = spikes(m);
        let layer = LayerPicture { name: "fc", theta: &theta, log_sigma2: &[], levels: &levels };
        let figure = histogram(&vec![layer; layers]);
        let elements = read(&figure);
        let values: Vec<_> = values(&elements).into_iter().map(place).collect();
        let shares: Vec<_> = elements.iter().filter(|e| e.name == "text" && e.text.ends_with('%')).map(place).collect();
        assert_eq!(values.len(), shares.len());
        if m <= 8 && layers <= 12 {
            assert_eq!(values.len(), m * layers, "all of {m} levels have labels");
        }
        assert!(!values.is_empty());
        for (value, share) in values.iter().zip(&shares) {
            assert_eq!((share.0, share.2), (value.0, value.2 - 14.0), "each share is above its value");
        }
        let all: Vec<_> = values.iter().chain(&shares).collect();
        for (i, one) in all.iter().enumerate() {
            assert!(one.0 + one.1 <= WIDTH, "{m} levels");
            for other in &all[..i] {
                let is_apart = (one.0 - other.0).abs() > one.1 + other.1 || (one.2 - other.2).abs() > 12.0;
                assert!(is_apart, "{m} levels in {layers} layers: {one:?}, {other:?}");
            }
        }
        // Each line begins above its plot if its label does; none crosses another label.
        let lines = paths(&elements, "stroke", "#d55e00");
        let lines = lines.iter().flat_map(|e| e.get("d").split('M').skip(1)).filter_map(|d| d.split_once('v'));
        for (from, length) in lines {
            let (x, top): (f64, f64) =
                from.split_once(' ').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).unwrap();
            let bottom = top + length.parse::<f64>().unwrap();
            for text in &all {
                let is_crossed = (text.0 - x).abs() < text.1 && text.2 > top + 1.0 && text.2 < bottom;
                assert!(!is_crossed, "{m} levels in {layers} layers: line at {x} from {top}, {text:?}");
            }
        }
    }
}

#[test]
fn labels_of_a_layer_have_the_same_decimals() {
    let layer = LayerPicture { name: "fc", theta: &[0.0], log_sigma2: &[-8.0], levels: &[-0.18, 0.0, 0.2013] };
    let elements = read(&funnel(&[layer]));
    let values: Vec<&str> = values(&elements).iter().map(|e| e.text.as_str()).collect();
    assert_eq!(values, ["−0.180", "0", "0.201"]);
}

/// Only as much height is kept for labels as they take.
#[test]
fn few_levels_take_one_tier() {
    let of = |m| {
        let (theta, levels) = spikes(m);
        let layer = LayerPicture { name: "fc", theta: &theta, log_sigma2: &[], levels: &levels };
        let elements = read(&histogram(&[layer; 5]));
        (tiers(&[layer; 5], &[]), elements[0].number("height"))
    };
    let ((three, low), (eight, high)) = (of(3), of(8));
    assert_eq!((three, low), (1, Grid::new(5, 2).height()));
    assert!((2..=MOST_TIERS).contains(&eight) && high > low, "{eight}");
}

#[test]
fn many_levels_are_ticked_only() {
    let levels: Vec<f32> = (0..256).map(|k| -0.5 + k as f32 / 256.0).collect();
    let layer = LayerPicture { name: "fc", theta: &[0.0, 0.1], log_sigma2: &[-1.0, -2.0], levels: &levels };
    for figure in [histogram(&[layer]), funnel(&[layer])] {
        let elements = read(&figure);
        assert!(values(&elements).is_empty() && texts(&elements).contains(&"2 weights"));
        let ticks = paths(&elements, "stroke", "#d55e00");
        assert!(ticks.iter().any(|path| path.get("d").matches("v8").count() == 256));
    }
}
