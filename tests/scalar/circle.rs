use crate::common::Dtype::F64;
use crate::common::compare::assert_close;
use crate::common::gradient::assert_gradient;
use crate::common::tolerance::{Check, tolerance};
use spikeslab::scalar::circle::circle;
use std::f64::consts::{FRAC_1_SQRT_2, TAU};

#[test]
fn the_quarters_are_exact_and_the_eighths_lie_on_the_diagonals() {
    for (u, expected) in
        [(0.0, (1.0, 0.0)), (0.25, (0.0, 1.0)), (0.5, (-1.0, 0.0)), (0.75, (0.0, -1.0)), (1.0, (1.0, 0.0))]
    {
        assert_eq!(circle(u), expected, "u = {u}");
    }
    let tolerance = tolerance("circle", F64, Check::Property);
    for (u, x, y) in [(0.125, 1.0, 1.0), (0.375, -1.0, 1.0), (0.625, -1.0, -1.0), (0.875, 1.0, -1.0)] {
        let (cos, sin) = circle(u);
        assert_close(&format!("u = {u}"), &[cos, sin], &[x * FRAC_1_SQRT_2, y * FRAC_1_SQRT_2], tolerance);
    }
}

/// Compares with the standard library's sine and cosine of the remainder of the turn, which is exact.
#[test]
fn within_the_stated_error_all_the_way_round() {
    let tolerance = tolerance("circle", F64, Check::Property);
    let steps = 40_000;
    for i in 0..=steps {
        let u = f64::from(i) / f64::from(steps);
        let quarter = (4.0 * u).round();
        let (sin, cos) = (TAU * (u - 0.25 * quarter)).sin_cos();
        let expected = match quarter as i32 % 4 {
            0 => [cos, sin],
            1 => [-sin, cos],
            2 => [-cos, -sin],
            _ => [sin, -cos],
        };
        let (x, y) = circle(u);
        assert_close(&format!("u = {u}"), &[x, y], &expected, tolerance);
        assert_close(&format!("x² + y² at u = {u}"), &(x * x + y * y), &1.0, tolerance);
    }
}

#[test]
fn turning_moves_at_right_angles() {
    for u in [0.01, 0.124, 0.126, 0.3, 0.5, 0.77, 0.99] {
        let (x, y) = circle(u);
        assert_gradient("circle", &format!("cos at u = {u}"), 1e-3, &[u], &(-TAU * y), |u| circle(u[0]).0);
        assert_gradient("circle", &format!("sin at u = {u}"), 1e-3, &[u], &(TAU * x), |u| circle(u[0]).1);
    }
}
