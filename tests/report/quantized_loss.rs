use spikeslab::report::quantized_loss;

use super::{paths, read, texts, xml::Element};

/// The curve's path, and its dots.
fn curve(elements: &[Element]) -> (&str, usize) {
    let paths = paths(elements, "stroke", "#0072b2");
    let [line, dots] = paths[..] else { panic!("{paths:?}") };
    (line.get("d"), dots.get("d").matches('M').count())
}

#[test]
fn a_falling_loss_falls() {
    let losses: Vec<f64> = (0..20).map(|i| 700.0 * 0.7f64.powi(i)).collect();
    let elements = read(&quantized_loss(&losses));
    let (line, dots) = curve(&elements);
    assert_eq!((line.matches('M').count(), line.matches('L').count(), dots), (1, 19, 20));
    let points: Vec<Vec<f64>> =
        line.split(['M', 'L']).skip(1).map(|point| point.split(' ').map(|v| v.parse().unwrap()).collect()).collect();
    // With a constant ratio of the losses the slope is constant.
    for triple in points.windows(3) {
        assert!(triple[0][0] < triple[1][0] && triple[0][1] < triple[1][1]);
        assert!((triple[0][1] + triple[2][1] - 2.0 * triple[1][1]).abs() < 0.03, "{triple:?}");
    }
    let texts = texts(&elements);
    for text in ["700", "0.798", "epoch", "quantized loss Σ(θ − Q(θ))², log scale", "20", "1", "10", "100"] {
        assert!(texts.contains(&text), "{text} in {texts:?}");
    }
}

#[test]
fn gaps_and_zeros() {
    let figure = quantized_loss(&[700.0, f64::NAN, 100.0, 20.0, f64::INFINITY, -1.0, 1.0, 0.0]);
    let elements = read(&figure);
    let (line, dots) = curve(&elements);
    assert_eq!((line.matches('M').count(), line.matches('L').count(), dots), (3, 2, 5));
    assert_eq!(texts(&elements).iter().filter(|text| **text == "0").count(), 2, "a tick, and the last value");
}

#[test]
fn few_epochs() {
    let one = quantized_loss(&[12.5]);
    let elements = read(&one);
    assert_eq!(curve(&elements).1, 1);
    assert_eq!(texts(&elements).iter().filter(|text| **text == "12.5").count(), 1);
    assert!(texts(&read(&quantized_loss(&[]))).contains(&"no epochs"));
    assert!(texts(&read(&quantized_loss(&[f64::NAN, f64::INFINITY]))).contains(&"no finite values"));
}

/// The grid has a line for each tick.
#[test]
fn a_short_run_has_three_ticks() {
    for losses in [&[3.1, 2.8][..], &[12.0, 5.0, 1.3], &[0.71, 0.7], &[1.0, 0.5]] {
        let elements = read(&quantized_loss(losses));
        let grid = paths(&elements, "stroke", "#e4e4e4")[0].get("d").matches('H').count();
        assert!(grid >= 3, "{losses:?}: {grid}");
    }
}

#[test]
fn extreme_losses() {
    for losses in [&[0.0; 3][..], &[5.0; 4], &[1e-320, 1e290], &[f64::MAX, 1.0], &[f64::MIN_POSITIVE]] {
        let texts: Vec<String> = texts(&read(&quantized_loss(losses))).iter().map(|t| t.to_string()).collect();
        assert!(texts.len() > 4 && !texts.iter().any(|t| t.contains("NaN")), "{losses:?}: {texts:?}");
    }
}
