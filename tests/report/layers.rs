use crate::common::networks::preset;
use spikeslab::report::axes::Axis;
use spikeslab::report::layers::{Grid, percent, pictured, theta_axis};
use spikeslab::report::svg::Font;
use spikeslab::report::{LayerPicture, WIDTH, funnel, histogram};

use super::{read, texts};

/// θ in three spikes, and ln σ² between −10 and 0.
fn spikes(weights: usize) -> (Vec<f32>, Vec<f32>) {
    let theta = (0..weights).map(|i| [-0.2, 0.0, 0.2][i % 3] + 1e-4 * (i % 7) as f32);
    (theta.collect(), (0..weights).map(|i| -0.1 * (i % 100) as f32).collect())
}

#[test]
fn plots_lie_in_the_figure_and_apart() {
    let axis = Axis::linear([]);
    for panels in 1..=50 {
        let grid = Grid::new(panels, 2);
        let all: Vec<_> = (0..panels).map(|i| grid.panel(i, axis, axis)).collect();
        let area: f64 = all.iter().map(|p| p.width * p.height).sum();
        assert!((area / grid.area() - 1.0).abs() < 1e-9);
        for (i, p) in all.iter().enumerate() {
            assert!(p.left > 50.0 && p.right() < WIDTH && p.top > 90.0 && p.bottom() < grid.height() - 30.0);
            for q in &all[..i] {
                // There are 50 units for tick labels.
                let apart = p.left >= q.right() + 50.0 || p.top >= q.bottom() + 50.0;
                assert!(apart || q.left >= p.right() + 50.0, "{panels} panels: {p:?} {q:?}");
            }
        }
    }
}

#[test]
fn a_deep_network_without_dense_blocks_shows_twelve_layers_from_the_first_to_the_last() {
    for (name, layers) in [("lenet5", 5), ("vgg7", 8)] {
        let graph = preset(name, [3, 32, 32]);
        assert_eq!(pictured(&graph), graph.layers().collect::<Vec<_>>());
        assert_eq!(graph.layers().count(), layers);
    }
    for name in ["resnet20", "resnet56"] {
        let graph = preset(name, [3, 32, 32]);
        let shown: Vec<usize> = pictured(&graph).iter().map(|layer| layer.index).collect();
        let last = graph.layers().count() - 1;
        assert_eq!((shown.len(), shown[0], shown[11]), (12, 0, last), "{name}");
        let gaps: Vec<usize> = shown.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let even = last / 11;
        assert!(gaps.iter().all(|gap| (even..=even + 1).contains(gap)), "{name}: {shown:?}");
    }
}

#[test]
fn every_layer_is_named_and_counted() {
    let (theta, log_sigma2) = spikes(1200);
    for panels in [1, 2, 3, 4, 5, 12, 13, 40] {
        let names: Vec<String> = (0..panels).map(|i| format!("block{i}.layer1.conv")).collect();
        let layers: Vec<_> = names
            .iter()
            .map(|name| LayerPicture { name, theta: &theta, log_sigma2: &log_sigma2, levels: &[-0.2, 0.0, 0.2] })
            .collect();
        for figure in [histogram(&layers), funnel(&layers)] {
            let elements = read(&figure);
            let texts = texts(&elements);
            let times = |wanted: &str| texts.iter().filter(|text| **text == wanted).count();
            assert_eq!(times("1,200 weights"), panels);
            for name in &names {
                // In three columns the name may have to be shortened.
                assert!(times(name) == 1 || (3..13).contains(&panels), "{panels} panels: {name}");
            }
            let columns = times("θ");
            assert!((1..=4).contains(&columns) && columns <= panels, "{columns}");
        }
    }
}

#[test]
fn a_long_name_keeps_its_ends_and_its_escapes() {
    let name = format!("<first> & \"{}\" last", "x".repeat(200));
    let layer = LayerPicture { name: &name, theta: &[0.0], log_sigma2: &[-8.0], levels: &[] };
    for figure in [histogram(&[layer; 5]), funnel(&[layer; 5])] {
        let elements = read(&figure);
        let names: Vec<_> = texts(&elements).into_iter().filter(|text| text.contains('…')).collect();
        assert_eq!(names.len(), 5);
        assert!(names.iter().all(|n| n.starts_with("<first") && n.ends_with("last")), "{names:?}");
        assert!(Font::TITLE.width(names[0]) < WIDTH / 3.0);
    }
}

#[test]
fn theta_axis_holds_weights_and_levels() {
    let layer = LayerPicture {
        name: "fc",
        theta: &[f32::NAN, -0.1, 0.1, f32::INFINITY],
        log_sigma2: &[],
        levels: &[-3.0, 0.2],
    };
    let (low, high) = theta_axis(&layer).ends();
    assert!(-3.5 < low && low < -3.0 && 0.2 < high && high < 0.5, "{low} … {high}");
}

#[test]
fn percent_known() {
    for (share, text) in [
        (0.0, "0%"),
        (1e-9, "<0.01%"),
        (0.0024, "0.24%"),
        (0.0953, "9.5%"),
        (0.1249, "12%"),
        (0.9934, "99.3%"),
        (0.99999, ">99.9%"),
        (1.0, "100%"),
    ] {
        assert_eq!(percent(share), text, "{share}");
    }
}
