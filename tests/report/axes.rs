use spikeslab::report::axes::{Axis, count, label, labels, linear_ticks, log_ticks};

use super::uniform;

#[test]
fn linear_ticks_known() {
    assert_eq!(linear_ticks(-0.35, 0.35, 4), [-0.2, 0.0, 0.2]);
    assert_eq!(linear_ticks(0.0, 1.0, 11), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]);
    assert_eq!(linear_ticks(0.0, 1.0, 10), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
    assert_eq!(linear_ticks(-10.4, 1.4, 4), [-10.0, -5.0, 0.0]);
    assert_eq!(linear_ticks(1000.0, 23000.0, 3), [10000.0, 20000.0]);
    assert_eq!(linear_ticks(-0.3, 0.45, 3), [-0.25, 0.0, 0.25]);
}

/// The ticks are all multiples in range of one step, the smallest of 1, 2, 2.5, 5 · 10^k that gives at most `most`
/// ticks.
#[test]
fn linear_ticks_properties() {
    let mut random = uniform(1);
    let mut draw = || random.next().unwrap();
    for case in 0..20_000 {
        let scale = 10f64.powf(draw() * 60.0 - 30.0);
        let (low, span) = ((draw() * 8.0 - 4.0) * scale, (0.01 + draw()) * scale);
        let (high, most) = (low + span, 1 + (draw() * 20.0) as usize);
        let ticks = linear_ticks(low, high, most);
        assert!(ticks.len() <= most, "case {case}: {} ticks", ticks.len());
        assert!(ticks.iter().all(|tick| (low..=high).contains(tick)), "case {case}: {ticks:?}");
        // The next smaller step is at least half of the chosen step, and gives more than `most` ticks.
        assert!(ticks.len() >= most.div_ceil(2), "case {case}: {} of {most}", ticks.len());
        assert!(ticks.len() >= 2 || most < 3, "case {case}: {ticks:?}");
        let [first, second, ..] = ticks[..] else { continue };
        let step = second - first;
        for (i, tick) in ticks.iter().enumerate() {
            assert!((tick - first - i as f64 * step).abs() < 1e-6 * step, "case {case}: {ticks:?}");
            let multiple = tick / step;
            assert!((multiple - multiple.round()).abs() < 1e-6, "case {case}: {tick} of {step}");
        }
        let digit = step / 10f64.powf((step * 1.0001).log10().floor());
        assert!([1.0, 2.0, 2.5, 5.0].iter().any(|d| (digit - d).abs() < 1e-6), "case {case}: step {step}");
        let (last, slack) = (ticks[ticks.len() - 1], 1e-6 * step);
        assert!(first - step < low + slack && last + step > high - slack, "case {case}: {ticks:?}");
    }
}

#[test]
fn ticks_of_a_degenerate_range() {
    for (low, high) in [
        (1.0, 1.0),
        (1.0, 0.0),
        (f64::NAN, 1.0),
        (0.0, f64::NAN),
        (0.0, f64::INFINITY),
        (-f64::MAX, f64::MAX),
        (0.0, f64::from_bits(1)),
    ] {
        assert!(linear_ticks(low, high, 5).is_empty(), "{low} … {high}");
    }
    assert!(linear_ticks(0.0, 1.0, 0).is_empty());
    for (low, high) in [(1.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
        assert!(log_ticks(low, high, 5).is_empty(), "{low} … {high}");
    }
    assert!(log_ticks(0.0, 1.0, 0).is_empty());
}

#[test]
fn log_ticks_known() {
    assert_eq!(log_ticks(-0.35, 3.0, 6), [1.0, 10.0, 100.0, 1000.0]);
    assert_eq!(log_ticks(-0.35, 2.1, 8), [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
    assert_eq!(log_ticks(-3.05, 6.05, 6), [0.01, 1.0, 100.0, 10000.0, 1000000.0]);
    // There is no 1, 2 or 5 · 10^k from 299 to 401, so the ticks are linear.
    assert_eq!(log_ticks(299f64.log10(), 401f64.log10(), 6), [300.0, 320.0, 340.0, 360.0, 380.0, 400.0]);
    // A short training: there is room for four ticks, but 1, 2, 5 · 10^k are two.
    assert_eq!(log_ticks(1.2f64.log10(), 9f64.log10(), 4), [2.0, 3.0, 5.0, 7.0]);
    assert_eq!(log_ticks(2f64.log10(), 150f64.log10(), 4), [3.0, 10.0, 30.0, 100.0]);
    assert_eq!(log_ticks(2.9f64.log10(), 310f64.log10(), 4), [3.0, 30.0, 300.0]);
    assert_eq!(log_ticks(0.5, 5.5, 4), [10.0, 1e3, 1e5]);
}

#[test]
fn an_axis_from_zero_begins_at_zero() {
    for (values, high) in [(vec![0.0; 3], 1.0..=1.0), (vec![f64::NAN, 0.5, -3.0], 0.5..=0.55), (vec![], 1.0..=1.0)] {
        let axis = Axis::from_zero(values.iter().copied());
        assert_eq!((axis.ends().0, axis.place(0.0)), (0.0, Some(0.0)), "{values:?}");
        assert!(high.contains(&axis.ends().1), "{values:?}: {:?}", axis.ends());
    }
}

#[test]
fn zero_is_the_lowest_tick_of_a_logarithmic_axis_that_shows_it() {
    for values in [vec![0.0, 3.0, 50.0], vec![0.0, 1e-3, 1e3], vec![0.0, 0.7], vec![0.0]] {
        let axis = Axis::log10(values.iter().copied());
        let ticks = axis.ticks(8);
        assert_eq!((ticks[0], axis.labels(&ticks)[0].as_str()), (0.0, "0"), "{values:?}");
        assert!(ticks[1..].iter().all(|tick| *tick > 0.0) && ticks.len() > 2, "{values:?}: {ticks:?}");
        // The smallest positive value is apart from it.
        let smallest = values.iter().filter(|value| **value > 0.0).filter_map(|value| axis.place(*value));
        assert!(smallest.fold(1.0, f64::min) > 0.09, "{values:?}");
    }
    assert!(!Axis::log10([3.0, 50.0]).ticks(8).contains(&0.0));
}

#[test]
fn the_marks_of_a_logarithmic_axis_are_closer_towards_each_power() {
    let axis = Axis::log10([1.0, 100.0]);
    let marks = axis.marks(4);
    assert_eq!(
        &marks[marks.iter().position(|mark| *mark == 1.0).unwrap()..][..10],
        &[1., 2., 3., 4., 5., 6., 7., 8., 9., 10.]
    );
    let places: Vec<f64> = marks.iter().filter_map(|mark| axis.place(*mark)).collect();
    assert_eq!(places.len(), marks.len());
    // With room for two powers only, the powers alone have marks.
    assert_eq!(axis.marks(2), [1.0, 10.0, 100.0]);
    assert!(Axis::linear([1.0, 100.0]).marks(4).is_empty() && Axis::epochs(5).marks(4).is_empty());
}

#[test]
fn log_ticks_properties() {
    let mut random = uniform(2);
    let mut draw = || random.next().unwrap();
    for case in 0..20_000 {
        let low = draw() * 500.0 - 250.0;
        let (high, most) = (low + 10f64.powf(draw() * 3.5 - 2.0), 3 + (draw() * 10.0) as usize);
        let ticks = log_ticks(low, high, most);
        let least = if most > 4 && high - low > 0.1 { 3 } else { 2 };
        assert!((least..=most).contains(&ticks.len()), "case {case}: {low} … {high}, {most}: {ticks:?}");
        assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]), "case {case}: {ticks:?}");
        for tick in &ticks {
            assert!((low - 1e-9..=high + 1e-9).contains(&tick.log10()), "case {case}: {tick}");
        }
        if high - low > 2.0 {
            for tick in &ticks {
                let digit = 10f64.powf(tick.log10() - (tick.log10() + 1e-9).floor());
                let near = [1.0, 2.0, 3.0, 5.0].iter().any(|d| (digit - d).abs() < 1e-6);
                assert!(near, "case {case}: {tick}");
            }
        }
    }
}

#[test]
fn linear_axis_holds_the_finite_values_inside() {
    let axis = Axis::linear([f64::NAN, -1.0, f64::INFINITY, 3.0, f64::NEG_INFINITY, 1.0]);
    let (low, high) = axis.ends();
    assert!(-1.5 < low && low < -1.0 && 3.0 < high && high < 3.5, "{low} … {high}");
    assert_eq!(axis.place(low), Some(0.0));
    assert_eq!(axis.place(high), Some(1.0));
    assert!((axis.place(1.0).unwrap() - 0.5).abs() < 1e-12);
    for off in [low - 1e-3, high + 1e-3, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(axis.place(off), None, "{off}");
    }
}

#[test]
fn axis_of_one_value_has_it_in_the_middle() {
    for value in [0.0, 1.0, -0.2, 1e-40, 1e30, -1e290] {
        let axis = Axis::linear([value; 3]);
        assert!((axis.place(value).unwrap() - 0.5).abs() < 1e-12, "{value}");
        assert!(axis.ticks(6).len() >= 2, "{value}: {:?}", axis.ticks(6));
        // With a difference in the last bits the ticks still have different labels.
        let axis = Axis::linear([value, value * (1.0 + 1e-15)]);
        assert!((axis.place(value).unwrap() - 0.5).abs() < 1e-9, "{value}");
    }
    for value in [1e-290, 0.3, 1.0, 1e290] {
        let axis = Axis::log10([value]);
        assert!((axis.place(value).unwrap() - 0.5).abs() < 1e-9, "{value}");
        assert!(axis.ticks(6).len() >= 2, "{value}: {:?}", axis.ticks(6));
    }
}

#[test]
fn axis_of_no_finite_value() {
    for values in [vec![], vec![f64::NAN, f64::INFINITY, -1e308]] {
        let (low, high) = Axis::linear(values.iter().copied()).ends();
        assert!(low < 0.0 && high > 1.0 && high - low < 1.2, "{low} … {high}");
        assert!(Axis::log10(values).ticks(8).contains(&1.0));
    }
    assert!(Axis::log10([0.0, -1.0]).ticks(8).contains(&1.0));
}

#[test]
fn log_axis_spreads_ratios_evenly() {
    let axis = Axis::log10([0.5, f64::NAN, 700.0, 0.0, -3.0]);
    let at = |v: f64| axis.place(v).unwrap();
    assert!((at(10.0) - at(1.0) - (at(100.0) - at(10.0))).abs() < 1e-12);
    assert!(0.0 < at(0.5) && at(0.5) < 0.15 && 0.9 < at(700.0) && at(700.0) < 1.0);
    assert_eq!(axis.place(0.0), Some(0.0), "0 lies below everything");
    for off in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-9, 1e9] {
        assert_eq!(axis.place(off), None, "{off}");
    }
    let (low, high) = axis.ends();
    assert!((0.1..0.3).contains(&low) && (700.0..1100.0).contains(&high), "{low} … {high}");
}

#[test]
fn epochs_are_whole() {
    for epochs in [0, 1, 2, 3, 7, 20, 1000] {
        let axis = Axis::epochs(epochs);
        let ticks = axis.ticks(18);
        assert!(!ticks.is_empty() && ticks.len() <= 18, "{epochs}: {ticks:?}");
        let whole = |t: &f64| t.fract() == 0.0 && *t >= 1.0 && axis.place(*t).is_some();
        assert!(ticks.iter().all(whole), "{epochs}: {ticks:?}");
        let last = epochs.max(1) as f64;
        assert!(axis.place(1.0).is_some() && axis.place(last).is_some(), "{epochs}");
        assert!(axis.place(1.0 - 0.1 * last - 0.5).is_none(), "{epochs}");
        assert!(axis.place(1.1 * last + 0.5).is_none(), "{epochs}");
    }
    assert_eq!(Axis::epochs(3).ticks(18), [1.0, 2.0, 3.0]);
}

#[test]
fn label_known() {
    for (value, digits, text) in [
        (0.0, 3, "0"),
        (-0.0, 3, "0"),
        (-0.2, 9, "−0.2"),
        (0.30000000000000004, 9, "0.3"),
        (-0.18749, 3, "−0.187"),
        (9.996, 3, "10"),
        (0.0001, 3, "0.0001"),
        (0.00001, 3, "10⁻⁵"),
        (12500.0, 9, "12,500"),
        (1234.5, 2, "1,200"),
        (99999.0, 3, "10⁵"),
        (250000.0, 9, "2.5·10⁵"),
        (-3.2e-17, 2, "−3.2·10⁻¹⁷"),
        (1e300, 3, "10³⁰⁰"),
        (f64::NAN, 3, "NaN"),
        (f64::INFINITY, 3, "∞"),
        (f64::NEG_INFINITY, 3, "−∞"),
    ] {
        assert_eq!(label(value, digits), text, "{value} to {digits} digits");
    }
}

#[test]
fn labels_in_a_row_have_the_same_decimals() {
    for (values, digits, texts) in [
        (&[-0.18, 0.0, 0.2013][..], 3, &["−0.180", "0", "0.201"][..]),
        (&[0.51, 1.3, 2.0], 2, &["0.5", "1.3", "2.0"]),
        (&[-0.2, 0.0, 0.2], 3, &["−0.2", "0", "0.2"]),
        (&[0.0, 0.25, 0.5, 1.0], 9, &["0", "0.25", "0.50", "1.00"]),
        (&[0.30000000000000004, 0.4], 9, &["0.3", "0.4"]),
        // Different values have different texts.
        (&[0.98, 0.9801], 2, &["0.9800", "0.9801"]),
        (&[-0.0001, 5.0], 2, &["0", "5"]),
        (&[1000.5, 20000.0], 9, &["1,000.5", "20,000.0"]),
        (&[9.996, 3.0], 3, &["10", "3"]),
        (&[1e-7, 2e-7], 3, &["10⁻⁷", "2·10⁻⁷"]),
        (&[f64::NAN, 1.5], 3, &["NaN", "1.5"]),
        (&[], 3, &[]),
    ] {
        assert_eq!(labels(values, digits), texts, "{values:?} to {digits} digits");
    }
}

#[test]
fn count_groups_digits() {
    for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (235200, "235,200"), (1234567, "1,234,567")] {
        assert_eq!(count(n), text);
    }
}
