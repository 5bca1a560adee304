use spikeslab::report::axes::Axis;
use spikeslab::report::funnel::{density, shade};
use spikeslab::report::panel::Panel;
use spikeslab::report::{LayerPicture, funnel};

use super::{read, texts, uniform, xml::Element};

fn picture<'a>(theta: &'a [f32], log_sigma2: &'a [f32]) -> LayerPicture<'a> {
    LayerPicture { name: "fc1", theta, log_sigma2, levels: &[-0.2, 0.0, 0.2] }
}

fn square() -> Panel {
    let y = Axis::linear([-10.0, 0.0]);
    Panel { left: 0.0, top: 0.0, width: 100.0, height: 100.0, x: Axis::linear([-1.0, 1.0]), y }
}

/// The number of cells drawn in all shades.
fn cells(elements: &[Element]) -> usize {
    elements
        .iter()
        .filter(|e| e.has("shape-rendering"))
        .flat_map(|e| e.get("d").split('h').skip(1))
        .map(|run| run.split('M').next().and_then(|length| length.parse::<usize>().ok()).expect("a run"))
        .sum()
}

#[test]
fn density_counts_each_weight_in_its_cell() {
    let theta = [-1.0, -1.0, 1.0, 0.0, f32::NAN, 0.0];
    let log_sigma2 = [0.0, 0.0, -10.0, -5.5, -5.0, f32::NEG_INFINITY];
    let counts = density(&square(), &picture(&theta, &log_sigma2), 4, 2);
    // The upper row has ln σ² ≥ −5.
    assert_eq!(counts, [2, 0, 0, 0, 0, 0, 1, 1]);
}

#[test]
fn density_sums_to_the_weights() {
    let theta: Vec<f32> = uniform(5).take(5000).map(|u| 2.0 * u as f32 - 1.0).collect();
    let log_sigma2: Vec<f32> = uniform(6).take(5000).map(|u| -10.0 * u as f32).collect();
    for (columns, rows) in [(1, 1), (3, 50), (98, 75)] {
        let counts = density(&square(), &picture(&theta, &log_sigma2), columns, rows);
        assert_eq!((counts.len(), counts.iter().sum::<u32>()), (columns * rows, 5000));
    }
}

#[test]
fn shades_follow_the_key() {
    let shades: Vec<_> = [0, 1, 2, 3, 9, 10, 30, 100, 300, 999, 1000, u32::MAX].map(shade).into();
    let expected =
        [None, Some(0), Some(0), Some(1), Some(1), Some(2), Some(3), Some(4), Some(5), Some(5), Some(6), Some(6)];
    assert_eq!(shades, expected);
}

/// Weights on a diagonal, two of them at the same place: the cells are evenly spaced from the lower left to the upper
/// right.
#[test]
fn every_occupied_cell_is_drawn_once_and_in_its_place() {
    let theta = [-0.3, -0.15, 0.0, 0.15, 0.3, 0.3];
    let log_sigma2 = [-8.0, -6.0, -4.0, -2.0, 0.0, 0.0];
    let elements = read(&funnel(&[picture(&theta, &log_sigma2)]));
    assert_eq!(cells(&elements), 5);
    let raster = elements.iter().find(|e| e.has("shape-rendering")).expect("a raster");
    let mut places: Vec<(f64, f64)> = raster
        .get("d")
        .split('M')
        .skip(1)
        .filter_map(|run| run.split('h').next()?.split_once(' '))
        .map(|(column, row)| (column.parse().expect("a column"), row.parse().expect("a row")))
        .collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(places.len(), 5);
    let step = |i: usize| (places[i + 1].0 - places[i].0, places[i].1 - places[i + 1].1);
    for i in 0..4 {
        assert!(step(i).0 > 10.0 && step(i).1 > 10.0, "{places:?}");
        assert!((step(i).0 - step(0).0).abs() <= 1.0 && (step(i).1 - step(0).1).abs() <= 1.0, "{places:?}");
    }
}

/// Uniform noise occupies all cells in mixed shades, which gives the largest file.
#[test]
fn a_figure_is_smaller_than_500_kb() {
    let noise: Vec<f32> = uniform(7).take(400_000).map(|u| u as f32).collect();
    let sparse: Vec<f32> = uniform(8).take(400_000).map(|u| (u * u * u) as f32).collect();
    for panels in [1, 5, 40, 100] {
        let n = 400_000 / panels;
        let layers: Vec<_> = (0..panels).map(|i| picture(&noise[i * n..][..n], &sparse[i * n..][..n])).collect();
        let figure = funnel(&layers);
        assert!(figure.len() < 500_000, "{panels} panels: {} bytes", figure.len());
        assert!(cells(&read(&figure)) > 10_000, "{panels} panels");
    }
}

#[test]
fn layers_share_the_vertical_axis() {
    let layers = [picture(&[0.0, 0.1], &[-10.0, -9.0]), picture(&[0.0, 0.1], &[-1.0, 0.0])];
    let elements = read(&funnel(&layers));
    let texts = texts(&elements);
    for tick in ["−10", "−8", "−6", "−4", "−2"] {
        assert_eq!(texts.iter().filter(|text| **text == tick).count(), 2, "{tick} in {texts:?}");
    }
    for name in ["ln σ²", "θ", "weights per cell, from", "1,000"] {
        assert!(texts.contains(&name), "{name} in {texts:?}");
    }
}

#[test]
fn what_is_not_drawn_is_said() {
    let layers = [
        picture(&[0.0, f32::NAN, 0.1], &[-8.0, -8.0, f32::INFINITY]),
        picture(&[], &[]),
        // ln σ² of the second weight is missing.
        picture(&[0.0, 0.1], &[-8.0]),
        picture(&[f32::NAN], &[-8.0]),
    ];
    let elements = read(&funnel(&layers));
    let texts = texts(&elements);
    for remark in ["2 of 3 not finite", "no weights", "1 of 2 not finite", "no finite weights"] {
        assert_eq!(texts.iter().filter(|text| **text == remark).count(), 1, "{remark}");
    }
    assert_eq!(cells(&elements), 2);
    assert!(super::texts(&read(&funnel(&[]))).contains(&"no layers"));
}

#[test]
fn constant_and_huge_values_are_drawn() {
    for (theta, log_sigma2) in [([0.0; 3], [-8.0; 3]), ([f32::MAX, -f32::MAX, 0.0], [1e-45, 0.0, f32::MIN])] {
        let elements = read(&funnel(&[picture(&theta, &log_sigma2)]));
        assert!(texts(&elements).contains(&"3 weights"));
        assert!(cells(&elements) >= 1);
    }
}
