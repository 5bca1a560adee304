use spikeslab::report::kl_funnels;
use spikeslab::report::kl_funnels::{Mesh, Surface};

use super::{read, texts};

#[test]
fn every_cell_has_the_shade_of_its_value() {
    let mesh = Mesh { theta: vec![-1.0, 0.0, 1.0, 2.0], log_sigma2: vec![1.0, 0.0] };
    let kl = vec![0.0, 0.0, 8.0, f64::NAN, 4.0, 0.0, 0.0, 8.0];
    let svg = kl_funnels(&mesh, &[0.0], &[Surface { name: "form", kl }]);
    assert!(!svg.contains("NaN"));
    let elements = read(&svg);
    let cells = |color: &str| -> String {
        elements
            .iter()
            .filter(|e| e.has("d") && e.has("stroke") && e.get("stroke") == color)
            .map(|e| e.get("d"))
            .collect()
    };
    // The shades are steps of one nat from 0 on; neighbouring cells of the same shade in a row are one segment.
    assert_eq!(cells("#022850"), "M0 0.5h2M1 1.5h2");
    assert_eq!(cells("#d3e7f4"), "M2 0.5h1M3 1.5h1");
    assert_eq!(cells("#4a97cd"), "M0 1.5h1");
    assert!(texts(&elements).contains(&"form"));
}

/// Beside a cell of the lowest or of the highest KL.
#[test]
fn a_cell_that_is_not_finite_is_left_out() {
    let mesh = Mesh { theta: vec![-1.0, 0.0, 1.0, 2.0], log_sigma2: vec![1.0, 0.0] };
    let kl = vec![f64::NAN, 0.0, 8.0, f64::INFINITY, 0.0, f64::NAN, f64::INFINITY, 8.0];
    let elements = read(&kl_funnels(&mesh, &[], &[Surface { name: "form", kl }]));
    let cells = |color: &str| -> String {
        let drawn = elements.iter().filter(|e| e.has("d") && e.has("stroke") && e.get("stroke") == color);
        drawn.map(|e| e.get("d")).collect()
    };
    assert_eq!(cells("#022850"), "M1 0.5h1M0 1.5h1");
    assert_eq!(cells("#d3e7f4"), "M2 0.5h1M3 1.5h1");
}

#[test]
fn nothing_to_draw_is_drawn() {
    read(&kl_funnels(&Mesh { theta: vec![], log_sigma2: vec![] }, &[], &[]));
    let constant = Surface { name: "flat", kl: vec![1.0; 4] };
    let mesh = Mesh { theta: vec![0.0, 1.0], log_sigma2: vec![0.0, -1.0] };
    assert!(!kl_funnels(&mesh, &[], &[constant]).contains("NaN"));
}
