use crate::common::Dtype::F64;
use crate::common::Precision;
use crate::common::compare::assert_close;
use crate::common::fixture::for_each_case_of;
use crate::common::forms::SPIKES;
use crate::common::gradient::assert_gradient;
use crate::common::tolerance::{Check, tolerance};
use spikeslab::scalar::dawson::dawson;
use spikeslab::scalar::spike_kl::{Spike, exact, exact_derivative, fit, fit_derivative};
use spikeslab::simd::Lane;

/// Compares with golden values for each t that is a normal number of the type, or zero.
fn golden<F: Precision>(name: &str, spike: Spike, count: usize) {
    for_each_case_of::<F>(
        "scalar/spike_kl",
        1,
        |case| case == name,
        |case| {
            let t = &case.stored("t").values;
            let in_range: Vec<usize> = (0..t.len()).filter(|i| t[*i] == 0.0 || F::of(t[*i]).is_normal()).collect();
            assert_eq!(in_range.len(), count);
            let picked =
                |tensor: &str| -> Vec<f64> { in_range.iter().map(|i| case.stored(tensor).values[*i]).collect() };
            let seen: Vec<(F, F)> = picked("t").into_iter().map(|t| spike.value_and_derivative(F::of(t))).collect();
            let tolerance = tolerance(&format!("spike_kl {name}"), F::DTYPE, Check::Golden);
            for (tensor, values) in [
                ("kl", seen.iter().map(|(value, _)| *value).collect::<Vec<F>>()),
                ("dkl_dt", seen.iter().map(|(_, derivative)| *derivative).collect()),
            ] {
                assert_close(&format!("{}.{tensor} of the t in range", case.name), &values, &picked(tensor), tolerance);
            }
        },
    );
}

#[test]
fn golden_exact_f64() {
    golden::<f64>("exact", Spike::Exact, 503);
}

#[test]
fn golden_exact_f32() {
    golden::<f32>("exact", Spike::Exact, 327);
}

#[test]
fn golden_fit_f64() {
    golden::<f64>("fit", Spike::Fit, 503);
}

#[test]
fn golden_fit_f32() {
    golden::<f32>("fit", Spike::Fit, 327);
}

#[test]
fn the_published_table() {
    let t = [1e-6, 1e-3, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0];
    let expected = [
        4.99999916666678e-7,
        4.99916677776587e-4,
        0.0491776597803957,
        0.230484336423517,
        0.426685604296045,
        0.739441630099079,
        1.29872299837597,
        1.72413784647093,
        2.93268887404702,
    ];
    let seen: Vec<f64> = t.iter().map(|t| exact(*t)).collect();
    assert_close("D", &seen, expected.as_slice(), tolerance("spike_kl table", F64, Check::Golden));
}

/// Numbers from 1e-300 to 1e300, `per_decade` per decade.
fn whole_range(per_decade: i32) -> impl Iterator<Item = f64> {
    (-300 * per_decade..=300 * per_decade).map(move |i| 10_f64.powf(f64::from(i) / f64::from(per_decade)))
}

#[test]
fn the_exact_derivative_is_dawson_s_integral() {
    let t: Vec<f64> = whole_range(10).collect();
    let seen: Vec<f64> = t.iter().map(|t| exact_derivative(*t)).collect();
    let expected: Vec<f64> = t.iter().map(|t| dawson((t / 2.0).sqrt()) / (2.0 * t).sqrt()).collect();
    assert_close("D′", &seen, &expected, tolerance("spike_kl exact", F64, Check::Property));
}

#[test]
fn the_derivatives_are_those_of_the_values() {
    for t in [1e-3, 0.07, 0.5, 1.0, 3.0, 12.0, 79.99, 80.0, 80.01, 400.0, 1e5] {
        let what = format!("t = {t}");
        assert_gradient("spike_kl", &what, 3e-3 * t, &[t], &exact_derivative(t), |t| exact(t[0]));
        assert_gradient("spike_kl", &what, 3e-3 * t, &[t], &fit_derivative(t), |t| fit(t[0]));
    }
}

#[test]
fn the_fit_lies_within_the_stated_distance_of_the_exact_function() {
    let (mut lowest, mut highest, mut at_highest) = (f64::INFINITY, f64::NEG_INFINITY, 0.0);
    for i in -20_000..=20_000 {
        let log_t = f64::from(i) / 500.0;
        let difference = fit(log_t.exp()) - exact(log_t.exp());
        assert!((-0.0044..=0.0094).contains(&difference), "ln t = {log_t}: {difference}");
        lowest = f64::min(lowest, difference);
        if difference > highest {
            (highest, at_highest) = (difference, log_t);
        }
    }
    // The largest errors are equal to the stated bounds to the last digit.
    assert!(lowest < -0.00435 && highest > 0.00935, "{lowest} … {highest}");
    assert!((at_highest - 3.51_f64).abs() < 0.005, "ln t = {at_highest}");
}

#[test]
fn rising_with_a_slope_of_at_most_one_half() {
    for spike in SPIKES {
        let mut last = 0.0;
        for t in whole_range(40) {
            let (value, derivative) = spike.value_and_derivative(t);
            assert!(value > last, "{spike:?}: D({t}) = {value} after {last}");
            assert!(derivative > 0.0 && derivative.is_finite(), "{spike:?}: D′({t}) = {derivative}");
            if spike == Spike::Exact {
                assert!(derivative <= 0.5 && value <= 0.5 * t, "t = {t}: D = {value}, D′ = {derivative}");
            }
            last = value;
        }
    }
}

#[test]
fn the_two_series_meet_where_one_takes_over() {
    let below = 80.0_f64.next_down();
    let tolerance = tolerance("spike_kl exact", F64, Check::Property);
    assert_close("D", &exact(below), &exact(80.0), tolerance);
    assert_close("D′", &exact_derivative(below), &exact_derivative(80.0), tolerance);
}

fn ends_of_the_range<F: Precision>() {
    for spike in SPIKES {
        assert_eq!(spike.value_and_derivative(F::zero()), (F::zero(), F::of(0.5)), "{spike:?} at 0");
        for t in [F::min_positive_value(), F::epsilon(), F::max_value()] {
            let (value, derivative) = spike.value_and_derivative(t);
            assert!(value.is_finite() && value > F::zero(), "{spike:?}: D({t}) = {value}");
            assert!(derivative.is_finite() && derivative >= F::zero(), "{spike:?}: D′({t}) = {derivative}");
        }
        let (value, derivative) = spike.value_and_derivative(F::nan());
        assert!(value.is_nan() && derivative.is_nan(), "{spike:?} of NaN");
    }
}

#[test]
fn finite_at_the_ends_of_the_range_and_nan_for_nan() {
    ends_of_the_range::<f64>();
    ends_of_the_range::<f32>();
}

#[test]
fn in_f32_the_exact_function_is_rounded_once() {
    for t in [1e-30_f32, 0.03, 1.0, 7.7, 79.9, 80.0, 1e30] {
        let seen = Spike::Exact.value_and_derivative(t);
        assert_eq!(seen, (Lane::of(exact(t.into())), Lane::of(exact_derivative(t.into()))), "t = {t}");
    }
}
