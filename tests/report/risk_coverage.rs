use super::{paths, read, texts};
use spikeslab::report::{RiskCurve, risk_coverage};

fn curve(name: &str, risks: &[f64]) -> RiskCurve {
    let area = risks.iter().sum::<f64>() / risks.len().max(1) as f64;
    RiskCurve { name: name.to_string(), risks: risks.to_vec(), area }
}

#[test]
fn each_kind_has_a_curve_and_its_area_in_the_legend() {
    let kinds = [curve("mean", &[0.0, 0.0, 0.1, 0.2]), curve("sampled M-ary", &[0.5, 0.25, 0.25, 0.26])];
    let elements = read(&risk_coverage(&kinds));
    for color in ["#d55e00", "#0072b2"] {
        let curves: Vec<_> = paths(&elements, "stroke", color).into_iter().map(|e| e.get("d")).collect();
        assert!(curves.iter().any(|d| d.matches('L').count() == 3), "{curves:?}");
    }
    let texts = texts(&elements);
    for text in ["mean: area 0.075", "sampled M-ary: area 0.315"] {
        assert!(texts.contains(&text), "{texts:?}");
    }
}

#[test]
fn many_images_are_thinned_to_the_last() {
    let risks: Vec<f64> = (1..=10_000).map(|n| f64::from(n) / 10_000.0).collect();
    let elements = read(&risk_coverage(&[curve("mean", &risks)]));
    let d = paths(&elements, "stroke", "#d55e00").into_iter().map(|e| e.get("d")).find(|d| d.contains("L")).unwrap();
    let points: Vec<&str> = d.split('L').collect();
    let most = points.iter().map(|point| point.split_once(' ').unwrap().0.trim_start_matches('M').parse().unwrap());
    assert!(points.len() == 600 && most.fold(0.0, f64::max) > 740.0, "the curve ends at full coverage: {d}");
}

#[test]
fn four_long_names_take_two_rows() {
    let name = "a name of many letters";
    let elements = read(&risk_coverage(&[0.1, 0.2, 0.3, 0.4].map(|risk| curve(name, &[risk]))));
    let rows: Vec<f64> = elements.iter().filter(|e| e.text.starts_with(name)).map(|e| e.number("y")).collect();
    assert_eq!(rows.len(), 4);
    assert!(rows[0] == rows[1] && rows[2] == rows[3] && rows[2] > rows[0] + 15.0, "{rows:?}");
}

#[test]
fn risks_begin_at_zero() {
    for risks in [&[0.0; 4][..], &[0.0, 0.0, 0.01]] {
        let elements = read(&risk_coverage(&[curve("mean", risks)]));
        let texts = texts(&elements);
        assert!(texts.contains(&"0") && !texts.iter().any(|text| text.starts_with('−')), "{texts:?}");
        // The end of the curve's first point is on the frame's lower edge.
        let bottom = 62.0 + 280.0;
        let d =
            paths(&elements, "stroke", "#d55e00").into_iter().map(|e| e.get("d")).find(|d| d.contains('L')).unwrap();
        let first = d.split('L').next().unwrap().rsplit_once(' ').unwrap().1;
        assert_eq!(first.parse::<f64>().unwrap(), bottom, "{d}");
    }
}

#[test]
fn odd_kinds_are_drawn() {
    for kinds in [vec![], vec![curve("mean", &[])], vec![curve("one image", &[1.0]), curve("none", &[])]] {
        let has_none = kinds.iter().all(|kind| kind.risks.is_empty());
        assert_eq!(texts(&read(&risk_coverage(&kinds))).contains(&"no images"), has_none);
    }
}
