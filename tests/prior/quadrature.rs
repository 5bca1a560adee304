use crate::common::Dtype::F64;
use crate::common::Precision;
use crate::common::compare::assert_close;
use crate::common::fixture::for_each_case;
use crate::common::forms::{
    assert_finite_and_nan_kept, assert_golden, assert_gradients, assert_symmetric, assert_unchanged_by_scale,
    codebooks, one_weight,
};
use crate::common::tolerance::{Check, tolerance};
use spikeslab::prior::quadrature::quadrature;
use spikeslab::prior::spike::{Sigma, spike_kl};
use spikeslab::prior::{Codebook, Form, MultiSpike};
use spikeslab::scalar::spike_kl::Spike;

#[test]
fn golden_f64() {
    assert_golden::<f64>(Form::Quadrature, 17);
}

#[test]
fn golden_f32() {
    assert_golden::<f32>(Form::Quadrature, 17);
}

/// The absolute error bound that the documentation states.
#[test]
fn the_value_is_as_accurate_as_stated() {
    for_each_case::<f64>("prior/quadrature", 17, |case| {
        ["dtheta", "dlog_sigma2", "dlevels"].iter().for_each(|tensor| case.skip(tensor));
        let (levels, weights) = (case.vec("levels"), case.vec("level_weights"));
        let golden = case.vec("kl");
        for (i, (theta, log_sigma2)) in case.vec("theta").iter().zip(case.vec("log_sigma2")).enumerate() {
            let seen = quadrature(*theta, log_sigma2, &levels, &weights, &mut vec![0.0; levels.len()]).value;
            assert!((seen - golden[i]).abs() <= 1e-13, "{}: {seen} for {}", case.name, golden[i]);
        }
    });
}

#[test]
fn gradients() {
    assert_gradients(Form::Quadrature);
}

/// The value is finite as long as 9σ is finite; the integration ends for every σ.
#[test]
fn the_integration_ends_even_where_sigma_overflows() {
    for log_sigma2 in [1000.0, 1400.0, 1415.0] {
        let kl = quadrature(0.1, log_sigma2, &[-0.2, 0.2], &[0.5, 0.5], &mut [0.0; 2]);
        assert!(kl.value.is_finite(), "{log_sigma2}: {}", kl.value);
    }
    let kl = quadrature(0.1, 1500.0, &[-0.2, 0.2], &[1e-308, 1.0], &mut [0.0; 2]);
    assert!(!kl.value.is_finite(), "{}", kl.value);
}

#[test]
fn unchanged_when_all_is_scaled_together() {
    assert_unchanged_by_scale(Form::Quadrature);
}

#[test]
fn symmetric_for_a_symmetric_codebook() {
    assert_symmetric(Form::Quadrature);
}

#[test]
fn finite_everywhere_and_nan_kept() {
    assert_finite_and_nan_kept::<f64>(Form::Quadrature);
    assert_finite_and_nan_kept::<f32>(Form::Quadrature);
}

#[test]
fn a_single_level_gives_the_spike_itself() {
    let tolerance = tolerance("quadrature of one level", F64, Check::Property);
    for (theta, log_sigma2) in [(0.3, -4.0), (0.17, -8.0), (-2.0, 1.0), (0.18, -10.0)] {
        let mut dlevels = [0.0];
        let kl = quadrature(theta, log_sigma2, &[0.17], &[1.0], &mut dlevels);
        let one = spike_kl(Spike::Exact, theta, Sigma::new(log_sigma2), 0.17);
        assert_close(
            &format!("θ = {theta}, ln σ² = {log_sigma2}"),
            &[kl.value, kl.dtheta, kl.dlog_sigma2, dlevels[0]],
            &[one.value, one.dtheta, one.dlog_sigma2, -one.dtheta],
            tolerance,
        );
    }
}

#[test]
fn quadrature_below_mixture_below_nearest() {
    let error = tolerance("quadrature", F64, Check::Golden).allowed(1.0, 1.0);
    for (i, levels) in codebooks(Form::Quadrature).into_iter().enumerate() {
        let masses: Vec<f64> = (0..levels.len()).map(|k| ((k * 7 + i) % 5 + 1) as f64).collect();
        let unequal: Vec<f64> = masses.iter().map(|mass| mass / masses.iter().sum::<f64>()).collect();
        for weights in [None, Some(unequal.as_slice())] {
            for theta in [-0.6, levels[0], -0.11, 0.02, levels[levels.len() - 1], 0.45] {
                for log_sigma2 in [-10.0, -6.0, -3.0, 0.0, 1.0] {
                    let [truth, soft, hard] = [Form::Quadrature, Form::Mixture, Form::Nearest].map(|form| {
                        one_weight(&MultiSpike::new(form, Spike::Exact), theta, log_sigma2, levels, weights).0.value
                    });
                    // Where only one level matters the three are equal, up to the quadrature's error.
                    assert!(
                        truth <= soft + error && soft <= hard,
                        "θ = {theta}, ln σ² = {log_sigma2}, {levels:?}: {truth}, {soft}, {hard}"
                    );
                }
            }
        }
    }
}

/// The smallest and largest difference from F_true and the mean absolute difference, over θ from −0.6 to 0.6 in steps
/// of 0.02 and ln σ² from −10 to 0 in steps of 2.
fn errors(form: Form, levels: &[f64]) -> [f64; 3] {
    let codebook = Codebook::new(levels.to_vec()).expect("a codebook");
    let (mut theta, mut log_sigma2) = (Vec::new(), Vec::new());
    for i in -30..=30 {
        for j in 0..6 {
            theta.push(f64::from(i) * 0.02);
            log_sigma2.push(f64::from(j) * 2.0 - 10.0);
        }
    }
    let [prior, truth] = [form, Form::Quadrature].map(|form| MultiSpike::new(form, Spike::Exact));
    let (kl, f_true) = (prior.weight_kl(&codebook), truth.weight_kl(&codebook));
    let mut unused = vec![0.0; levels.len()];
    let (mut lowest, mut highest, mut sum) = (f64::INFINITY, f64::NEG_INFINITY, 0.0);
    for (theta, log_sigma2) in theta.iter().zip(&log_sigma2) {
        let error = kl(*theta, *log_sigma2, &mut unused).value - f_true(*theta, *log_sigma2, &mut unused).value;
        lowest = f64::min(lowest, error);
        highest = f64::max(highest, error);
        sum += error.abs();
    }
    [lowest, highest, sum / theta.len() as f64]
}

#[test]
fn the_table_of_errors() {
    let ternary = [-0.2, 0.0, 0.2];
    let four = [-0.3, -0.1, 0.1, 0.3];
    let five = [-0.3, -0.15, 0.0, 0.15, 0.3];
    for (levels, form, expected) in [
        (ternary.as_slice(), Form::Nearest, [0.039, 1.344, 0.769]),
        (&ternary, Form::Mixture, [0.000, 0.396, 0.101]),
        (&ternary, Form::Vnq, [-1.059, 0.321, 0.235]),
        (&four, Form::Nearest, [0.048, 1.724, 0.925]),
        (&four, Form::Mixture, [0.000, 0.461, 0.145]),
        (&four, Form::Windows, [-4.958, 0.302, 1.465]),
        (&five, Form::Nearest, [0.071, 1.958, 1.108]),
        (&five, Form::Mixture, [0.000, 0.493, 0.164]),
        (&five, Form::Vnq, [-1.558, 0.374, 0.418]),
    ] {
        let seen = errors(form, levels).map(|error| (error * 1000.0).round() / 1000.0 + 0.0);
        assert_eq!(seen, expected, "{form:?}, {levels:?}: smallest, largest, mean of the size");
    }
}

/// For every σ below the scale of the levels: as σ → 0, the KL becomes −ln Σ_k a_k/|θ − ℓ_k| − ln σ off the levels, up
/// to σ²/(θ − ℓ)², and −ln a_k on a level.
#[test]
fn small_sigma_leaves_the_density_of_the_prior() {
    let tolerance = tolerance("quadrature of a tiny sigma", F64, Check::Property);
    let (levels, weights) = ([-0.2, 0.0, 0.2], [0.25, 0.625, 0.125]);
    for log_sigma2 in [-80.0, -200.0, -700.0, -800.0, -1400.0, -1480.0, -1500.0] {
        for theta in [-0.37, -0.1, 0.05, 0.1, 3.0] {
            let mut dlevels = [0.0; 3];
            let kl = quadrature(theta, log_sigma2, &levels, &weights, &mut dlevels);
            let pulls: Vec<f64> = (0..3).map(|k| weights[k] / f64::abs(theta - levels[k])).collect();
            let sum: f64 = pulls.iter().sum();
            let value = -sum.ln() - 0.5 * log_sigma2 + 0.635_181_422_730_739_1;
            let slopes: Vec<f64> = (0..3).map(|k| -pulls[k] / sum / (theta - levels[k])).collect();
            let seen = [&[kl.value, kl.dtheta, kl.dlog_sigma2], &dlevels[..]].concat();
            let expected = [&[value, -slopes.iter().sum::<f64>(), -0.5], &slopes[..]].concat();
            assert_close(&format!("θ = {theta}, ln σ² = {log_sigma2}"), &seen, &expected, tolerance);
        }
        for k in 0..3 {
            let mut dlevels = [0.0; 3];
            let kl = quadrature(levels[k], log_sigma2, &levels, &weights, &mut dlevels);
            let what = format!("on level {k}, ln σ² = {log_sigma2}");
            let seen = [&[kl.value, kl.dtheta, kl.dlog_sigma2], &dlevels[..]].concat();
            assert_close(&what, &seen, &[-weights[k].ln(), 0.0, 0.0, 0.0, 0.0, 0.0], tolerance);
        }
    }
}

fn nodes<F: Precision>() {
    // θ, ln σ² and the levels are such that a node of the rule is on a level, where 0/0 must not occur.
    let codebook = Codebook::new([-1.0, 0.0, 1.0].map(F::of).to_vec()).expect("a codebook");
    let prior = MultiSpike::new(Form::Quadrature, Spike::Exact);
    let kl = prior.kl(&[F::zero(), F::one()], &[F::zero(), F::zero()], &codebook);
    assert!(kl.value.is_finite() && kl.dlevels.iter().all(|dlevel| dlevel.is_finite()), "{kl:?}");
}

#[test]
fn a_node_on_a_level_does_no_harm() {
    nodes::<f64>();
    nodes::<f32>();
}
