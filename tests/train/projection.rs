use spikeslab::train::projection::{
    level_gap, project_levels, project_log_sigma2, project_theta, project_theta_within_gap,
};

#[test]
fn log_sigma2_is_put_between_its_bounds_and_nan_stays() {
    let mut values = [-1e30, -10.1, -10.0, -9.9, 0.0, 0.9, 1.0, 1.1, f64::INFINITY, f64::NEG_INFINITY];
    project_log_sigma2(&mut values);
    assert_eq!(values, [-10.0, -10.0, -10.0, -9.9, 0.0, 0.9, 1.0, 1.0, 1.0, -10.0]);
    let mut odd = [f32::NAN, 3.0];
    project_log_sigma2(&mut odd);
    assert!(odd[0].is_nan() && odd[1] == 1.0, "{odd:?}");
}

#[test]
fn levels_that_are_apart_stay() {
    for (levels, zero) in
        [(vec![-0.2, 0.0, 0.2], Some(1)), (vec![-0.3, -0.1, 0.1, 0.3], None), (vec![0.0, 0.1], Some(0))]
    {
        let mut projected: Vec<f64> = levels.clone();
        project_levels(&mut projected, zero, 0.1);
        assert_eq!(projected, levels);
    }
}

#[test]
fn levels_too_near_are_moved_outwards_from_the_zero_level_or_upwards() {
    let g = 1e-3;
    let cases: [(&[f64], Option<usize>, &[f64]); 8] = [
        // The zero level goes back to 0 before its neighbours are moved away from it.
        (&[-0.2, 0.05, 0.2], Some(1), &[-0.2, 0.0, 0.2]),
        (&[-0.2, 0.05, 0.0502], Some(1), &[-0.2, 0.0, 0.0502]),
        (&[-0.0001, 0.3, 0.0002], Some(1), &[-g, 0.0, g]),
        (&[0.1, 0.2, -0.1], Some(1), &[-g, 0.0, g]),
        (&[-0.01, 0.0, 0.0, 0.0, 0.5], Some(1), &[-0.01, 0.0, g, g + g, 0.5]),
        (&[-0.3, -0.3, -0.3, 0.0], Some(3), &[-0.3 - g - g, -0.3 - g, -0.3, 0.0]),
        (&[0.1, 0.1, 0.1, 0.1], None, &[0.1, 0.1 + g, 0.1 + g + g, 0.1 + g + g + g]),
        (&[0.2, -0.2], None, &[0.2, 0.2 + g]),
    ];
    for (levels, zero, expected) in cases {
        let mut projected = levels.to_vec();
        project_levels(&mut projected, zero, g);
        assert_eq!(projected, expected, "{levels:?}, zero level {zero:?}");
    }
}

#[test]
fn levels_are_ascending_after_projection_in_f32() {
    for count in [2_usize, 3, 8, 256] {
        for zero in [None, Some(0), Some(count / 2), Some(count - 1)] {
            // A gap that is lost in rounding when it is added to the levels, and a gap of 0.
            for (level, gap) in [(0.25_f32, 1e-3), (-1e6, 1e-3), (1e30, 1e-3), (0.25, 0.0), (0.0, 0.0), (-1e-44, 0.0)] {
                let mut levels = vec![level; count];
                project_levels(&mut levels, zero, gap);
                assert!(levels.windows(2).all(|pair| pair[0] < pair[1]), "{levels:?}");
                assert!(zero.is_none_or(|zero| levels[zero] == 0.0));
            }
        }
    }
}

/// A codebook of any scale is kept; the gap is that of the default levels, 1e-3, scaled.
#[test]
fn a_codebook_is_kept_as_it_is_given() {
    for (levels, gap) in [
        (vec![-0.2, 0.0, 0.2], 1e-3),
        (vec![0.0, 0.0002, 0.0004, 0.0006], 1e-6),
        (vec![-0.3, 0.0, 1e-9, 0.3], 5e-12),
        (vec![-2e6, 1e6, 3e6], 1e4),
        // Neighbouring numbers.
        (
            vec![-1.0, -1.0 + f64::EPSILON / 2.0, 1.0 - f64::EPSILON / 2.0, 1.0, 1.0 + f64::EPSILON],
            f64::EPSILON / 400.0,
        ),
    ] {
        let seen = level_gap(&levels);
        assert!((seen - gap).abs() <= 1e-12 * gap, "{levels:?}: {seen}");
        let mut projected = levels.clone();
        project_levels(&mut projected, levels.iter().position(|level| *level == 0.0), seen);
        assert_eq!(projected, levels);
    }
}

#[test]
fn a_nan_level_is_left_to_be_found() {
    let mut levels = [-0.2, f64::NAN, 0.2];
    project_levels(&mut levels, None, 1e-3);
    assert!(levels[1].is_nan());
}

#[test]
fn theta_is_put_within_the_smallest_gap_beyond_the_outermost_levels() {
    let mut theta = [-0.41, -0.4, -0.39, 0.0, 0.49, 0.5, 0.51, f64::INFINITY, f64::NAN];
    project_theta_within_gap(&mut theta, &[-0.2, 0.0, 0.3]);
    assert_eq!(theta[..8], [-0.4, -0.4, -0.39, 0.0, 0.49, 0.5, 0.5, 0.5]);
    assert!(theta[8].is_nan(), "NaN stays, to be found");
}

#[test]
fn theta_is_put_within_a_margin_of_the_outermost_levels() {
    // σ = 1 and 0.1: margins 0.3679 and 0.03679.
    let log_sigma2 = [0.0, 0.0, 0.0, 0.0, 0.01_f64.ln(), 0.01_f64.ln(), 0.01_f64.ln(), 0.0];
    let mut theta = [-0.7, 0.7, 0.5, -0.5, 0.5, -0.5, 0.1, f64::NAN];
    project_theta(&mut theta, &log_sigma2, &[-0.2, 0.0, 0.3]);
    let sigma = (0.5 * 0.01_f64.ln()).exp();
    let expected = [-0.2 - 0.3679, 0.3 + 0.3679, 0.5, -0.5, 0.3 + 0.3679 * sigma, -0.2 - 0.3679 * sigma, 0.1];
    assert_eq!(theta[..7], expected);
    assert!(theta[7].is_nan(), "NaN stays, to be found");
}
