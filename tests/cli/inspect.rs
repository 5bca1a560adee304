use super::Workplace;
use spikeslab::packed::format;

#[test]
fn layers_levels_occupancy_bits_and_bytes() {
    let place = Workplace::with_run();
    let run = place.succeed(&["inspect", "run"]);
    let packed = place.succeed(&["inspect", "run/model.packed"]);
    let (head, rest) = run.split_once('\n').unwrap();
    assert_eq!(head, "run of mlp after epoch 2 of 2, on images of 1 x 12 x 12");
    assert_eq!(packed, format!("packed mlp, on images of 1 x 12 x 12\n{rest}"));

    let model = format::load(&place.path("run/model.packed")).unwrap();
    for (layer, weights) in model.layers().iter().zip([144 * 256, 256 * 128, 128 * 10]) {
        let row = rest.lines().find(|line| line.starts_with(&layer.name)).unwrap();
        let bits = 8.0 * layer.code_bytes() as f64 / f64::from(weights);
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(words[..3], [layer.name.as_str(), &weights.to_string(), &format!("{bits:.2}")], "{row}");
        let (mut shares, mut entropy) = (0.0, 0.0);
        for (k, level) in layer.levels().iter().enumerate() {
            let count = layer.indices().filter(|index| *index == k).count();
            let share = 100.0 * count as f64 / f64::from(weights);
            assert_eq!(words[3 + 2 * k..5 + 2 * k], [format!("{level:.4}"), format!("({share:.1}%)")], "{row}");
            shares += share;
            entropy -= share / 100.0 * (share.max(1e-9) / 100.0).log2();
        }
        assert!((entropy - 1e-9..entropy + 0.1).contains(&bits), "{row}: {entropy}");
        assert!((shares - 100.0).abs() < 1e-9);
        assert_eq!(words.len(), 3 + 2 * layer.levels().len());
    }
    let bytes = |name: &str| -> Vec<String> {
        let row = rest.lines().find(|line| line.starts_with(name)).unwrap();
        row[name.len()..].split_whitespace().map(str::to_string).collect()
    };
    let (weights, file) = (4 * (144 * 256 + 256 * 128 + 1280), place.read("run/model.packed").len());
    assert_eq!(bytes("weights")[..2], [weights.to_string(), model.weight_bytes().to_string()]);
    assert_eq!(bytes("whole model")[..2], [(4 * model.f32_parameters()).to_string(), file.to_string()]);
    assert_eq!(bytes("whole model")[2], format!("{:.1}x", 4.0 * model.f32_parameters() as f64 / file as f64));
}

/// A layer of many levels has one line of their range, not a page.
#[test]
fn more_than_sixteen_levels_are_not_printed_one_by_one() {
    let place = Workplace::new();
    let printed = place.train("run", &["--levels", "17"]);
    let model = format::load(&place.path("run/model.packed")).unwrap();
    for layer in model.layers() {
        let used = layer.occupancy().iter().filter(|count| **count > 0).count();
        let [first, last] = [layer.levels()[0], layer.levels()[16]];
        let expected = format!("17 from {first:.4} to {last:.4}, of which weights use {used}");
        assert!(printed.lines().any(|line| line.starts_with(&layer.name) && line.ends_with(&expected)), "{printed}");
    }
    assert!(place.train("sixteen", &["--levels", "16"]).lines().any(|line| line.matches('%').count() == 16));
}
