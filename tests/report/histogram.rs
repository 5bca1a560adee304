use spikeslab::report::histogram::{bin, shares};
use spikeslab::report::{LayerPicture, histogram};

use super::{paths, read, texts, uniform};

fn picture(theta: &[f32]) -> LayerPicture<'_> {
    LayerPicture { name: "fc1", theta, log_sigma2: &[], levels: &[-0.2, 0.0, 0.2] }
}

#[test]
fn bin_counts_each_value_once() {
    let values: Vec<f32> = uniform(3).take(10_000).map(|u| (u * u * 4.0 - 2.0) as f32).collect();
    for bins in [1, 2, 7, 98, 1000] {
        let counts = bin(&values, -2.0, 2.0, bins);
        assert_eq!((counts.len(), counts.iter().sum::<usize>()), (bins, values.len()));
        let width = 4.0 / bins as f64;
        for (i, &count) in counts.iter().enumerate() {
            // Edges have rounding errors: up to half a millionth of a bin on either side.
            let inside = |slack: f64| {
                let (low, high) = (-2.0 + i as f64 * width - slack, -2.0 + (i + 1) as f64 * width + slack);
                values.iter().filter(|&&v| (low..high).contains(&f64::from(v))).count()
            };
            assert!((inside(-1e-6 * width)..=inside(1e-6 * width)).contains(&count), "bin {i} of {bins}");
        }
    }
}

#[test]
fn bin_edges() {
    let values = [-1.0, -0.5, 0.0, 0.5, 1.0, -1.1, 1.1, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    assert_eq!(bin(&values, -1.0, 1.0, 4), [1, 1, 1, 2]);
    assert!(bin(&values, -1.0, 1.0, 0).is_empty());
    assert_eq!(bin::<f32>(&[], -1.0, 1.0, 2), [0, 0]);
}

#[test]
fn shares_go_to_the_nearest_level_and_ties_to_the_lower() {
    let theta = [-9.0, -0.3, -0.11, -0.1, -0.09, 0.0, 0.1, 0.1000001, f32::NAN, f32::INFINITY];
    assert_eq!(shares(&theta, &[-0.2, 0.0, 0.2]), [0.5, 0.375, 0.125]);
    assert_eq!(shares(&[f32::NAN], &[-0.2, 0.2]), [0.0, 0.0]);
    assert!(shares(&theta, &[]).is_empty());
}

/// Bars of 1, 10 and 100 weights: on a logarithmic axis the differences of their heights are equal.
#[test]
fn bars_are_as_high_as_their_counts() {
    let theta: Vec<f32> = [(-0.2, 1), (0.0, 10), (0.2, 100)]
        .into_iter()
        .flat_map(|(value, times)| std::iter::repeat_n(value, times))
        .collect();
    let elements = read(&histogram(&[picture(&theta)]));
    let bars = paths(&elements, "fill", "#0072b2");
    let outline = bars.iter().map(|e| e.get("d")).max_by_key(|d| d.len()).unwrap();
    let mut heights: Vec<f64> =
        outline.split('V').skip(1).map(|part| part.split(['H', 'Z']).next().unwrap().parse().unwrap()).collect();
    heights.sort_by(|a, b| b.total_cmp(a));
    heights.dedup();
    let [floor, one, ten, hundred] = heights[..] else { panic!("{heights:?}") };
    assert!(floor > one + 5.0, "one weight is seen");
    assert!((one - ten - (ten - hundred)).abs() < 0.02, "{heights:?}");
    let texts = texts(&elements);
    for label in ["−0.2", "0.9%", "0", "9%", "0.2", "90%", "111 weights", "θ", "weights per bin, log scale"] {
        assert!(texts.contains(&label), "{label} in {texts:?}");
    }
}

#[test]
fn what_is_not_drawn_is_said() {
    let mut theta = vec![0.1f32; 2000];
    theta[..1100].fill(f32::NAN);
    theta[1999] = f32::INFINITY;
    let nothing = [f32::NAN; 3];
    let elements = read(&histogram(&[picture(&theta), picture(&[]), picture(&nothing)]));
    let texts = texts(&elements);
    for remark in ["1,101 of 2,000 not finite", "0 weights", "no weights", "3 of 3 not finite", "no finite weights"] {
        assert_eq!(texts.iter().filter(|text| **text == remark).count(), 1, "{remark}");
    }
}

#[test]
fn odd_layers_are_drawn() {
    assert!(texts(&read(&histogram(&[]))).contains(&"no layers"));
    let theta = [0.05f32; 100];
    for levels in
        [&[][..], &[0.3, 0.3], &[f32::NAN, 0.1], &[-f32::MAX, f32::MAX], &[1e30, f32::INFINITY], &[0.05, 0.050000004]]
    {
        let layer = LayerPicture { levels, ..picture(&theta) };
        assert!(texts(&read(&histogram(&[layer]))).contains(&"100 weights"), "{levels:?}");
    }
    for theta in [&[0.0f32; 4], &[f32::MAX; 4], &[-f32::MAX, f32::MAX, 0.0, 1e-45], &[1e-45; 4]] {
        assert!(texts(&read(&histogram(&[picture(theta)]))).contains(&"4 weights"), "{theta:?}");
    }
}

#[test]
fn same_input_same_bytes() {
    let theta: Vec<f32> = uniform(4).take(1000).map(|u| u as f32).collect();
    assert_eq!(histogram(&[picture(&theta)]), histogram(&[picture(&theta.clone())]));
}
