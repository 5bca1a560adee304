use crate::common::compare::assert_close;
use crate::common::forms::SPIKES;
use crate::common::gradient::assert_gradient;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Dtype, Precision};
use spikeslab::prior::spike::{FAR, Sigma, spike_kl};
use spikeslab::scalar::WeightKl;
use spikeslab::scalar::spike_kl::Spike;
use spikeslab::simd::{Kernel, Lane, MAX_LANES, Vector};

/// [`spike_kl`] of one weight.
fn one<F: Precision>(spike: Spike, theta: F, log_sigma2: F, level: F) -> WeightKl<F> {
    let of = F::One::splat;
    spike_kl(spike, of(theta), Sigma::new(of(log_sigma2)), of(level)).first()
}

#[test]
fn the_value_is_d_of_the_squared_distance() {
    let sigma = Sigma { log_sigma2: f64::ln(0.25), inverse: 2.0 };
    for spike in SPIKES {
        let expected = spike.value_and_derivative(1.0).0;
        assert_eq!(spike_kl(spike, 0.75, sigma, 0.25).value, expected);
        assert_eq!(spike_kl(spike, 0.25, sigma, 0.75).value, expected);
    }
}

#[test]
fn the_chain_rule_in_theta_and_log_sigma2() {
    for spike in SPIKES {
        for (theta, log_sigma2, level) in [(0.3, -4.0, 0.2), (-0.7, -9.0, 0.0), (0.21, 1.0, 0.2), (0.2, -3.0, 0.2)] {
            let kl = spike_kl(spike, theta, Sigma::new(log_sigma2), level);
            // The fit is not analytic on the level, so the step is small against the distance to it.
            let distance = if theta == level { 1.0 } else { f64::abs(theta - level) };
            let step = 4e-3 * f64::exp(0.5 * log_sigma2).min(distance);
            let what = format!("{spike:?}, θ = {theta}, ln σ² = {log_sigma2}");
            assert_gradient("spike", &what, step, &[theta, log_sigma2], &vec![kl.dtheta, kl.dlog_sigma2], |x| {
                spike_kl(spike, x[0], Sigma::new(x[1]), level).value
            });
        }
    }
}

fn on_the_level<F: Precision>() {
    for (spike, log_sigma2) in
        SPIKES.iter().flat_map(|spike| [1.0, -10.0, -89.0, -200.0, -800.0, -3000.0, -1e30].map(|s| (*spike, s)))
    {
        let kl = one(spike, F::of(0.2), F::of(log_sigma2), F::of(0.2));
        assert_eq!(kl, WeightKl::zero(), "{spike:?}, ln σ² = {log_sigma2}");
    }
}

#[test]
fn on_the_level_nothing_pulls() {
    on_the_level::<f64>();
    on_the_level::<f32>();
}

/// Compares the KL far from the level with its limit: ln(|θ − ℓ|/σ) plus the constant of the spike.
fn far<F: Precision>(log_sigma2s: &[f64]) {
    let tolerance = tolerance("spike far", F::DTYPE, Check::Golden);
    for (spike, constant) in [(Spike::Exact, 0.635_181_422_730_739_1), (Spike::Fit, 0.63576)] {
        for log_sigma2 in log_sigma2s {
            for delta in [0.1, -0.3, 2e5, -1e-6, 3e37] {
                let (delta, log_sigma2) = (F::of(delta), F::of(*log_sigma2));
                let kl = one(spike, delta, log_sigma2, F::zero());
                let expected = delta.as_f64().abs().ln() - 0.5 * log_sigma2.as_f64() + constant;
                let what = format!("{spike:?}, θ − ℓ = {delta}, ln σ² = {log_sigma2}");
                let seen = [kl.value, kl.dtheta, kl.dlog_sigma2];
                assert_close(&what, &seen, &[expected, delta.as_f64().recip(), -0.5], tolerance);
            }
        }
    }
}

#[test]
fn where_one_over_sigma_squared_overflows() {
    far::<f64>(&[-80.0, -700.0, -720.0, -1400.0, -1430.0, -1e6]);
    far::<f32>(&[-80.0, -89.0, -100.0, -170.0, -178.0, -250.0, -1e6]);
}

#[test]
fn the_two_ways_meet_where_one_takes_over() {
    let tolerance = tolerance("spike far", Dtype::F64, Check::Golden);
    for spike in SPIKES {
        let at = |u: f64| spike_kl(spike, u, Sigma::new(0.0), 0.0);
        let (near, far) = (at(FAR), at(FAR.next_up()));
        assert_close(
            "near and far",
            &[near.value, near.dtheta, near.dlog_sigma2],
            &[far.value, far.dtheta, far.dlog_sigma2],
            tolerance,
        );
        // 1/σ overflows, but θ is near the level: u is 3 for both.
        let scale = 2_f64.powi(-1025);
        let tiny = spike_kl(spike, 3.0 * scale, Sigma::new(2.0 * scale.ln()), 0.0);
        let plain = at(3.0);
        assert!(Sigma::new(2.0 * scale.ln()).inverse.is_infinite());
        let seen = [tiny.value, tiny.dtheta * scale, tiny.dlog_sigma2];
        let tolerance = crate::common::tolerance::tolerance("spike of a tiny sigma", Dtype::F64, Check::Property);
        assert_close("scaled", &seen, &[plain.value, plain.dtheta, plain.dlog_sigma2], tolerance);
    }
}

#[test]
fn nan_is_kept() {
    for (theta, log_sigma2) in [(f64::NAN, 0.0), (0.1, f64::NAN), (0.2, f64::NAN), (f64::NAN, -2000.0)] {
        let kl = spike_kl(Spike::Exact, theta, Sigma::new(log_sigma2), 0.2);
        assert!(kl.value.is_nan() && kl.dtheta.is_nan() && kl.dlog_sigma2.is_nan(), "{theta}, {log_sigma2}: {kl:?}");
    }
}

/// Near and far θ in the lanes of a vector: each lane has the bits that it has alone.
struct Lanes;

impl<F: Precision> Kernel<F> for Lanes {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let log_sigma2s = [-4.0, -200.0, -3000.0, f64::NAN, 0.0, -4.0, -89.0, -1e30].map(F::of);
        let thetas = [0.2, 0.3, -0.1, 0.2, f64::NAN, 1e30, 0.5, 0.1].map(F::of);
        let lanes = |of: [F; 8]| -> [F; MAX_LANES] { std::array::from_fn(|lane| of[lane % 8]) };
        let (thetas, log_sigma2s, level) = (lanes(thetas), lanes(log_sigma2s), F::of(0.2));
        for shift in 0..8 {
            let of = |from: &[F]| -> V {
                let mut shifted: [F; MAX_LANES] = std::array::from_fn(|lane| from[(lane + shift) % 8]);
                shifted[V::LANES..].fill(F::zero());
                V::load(&shifted)
            };
            let seen = spike_kl(Spike::Fit, of(&thetas), Sigma::new(of(&log_sigma2s)), V::splat(level));
            let (values, slopes, log_slopes) = (seen.value.lanes(), seen.dtheta.lanes(), seen.dlog_sigma2.lanes());
            for lane in 0..V::LANES {
                let from = (lane + shift) % 8;
                let expected = one(Spike::Fit, thetas[from], log_sigma2s[from], level);
                let same = |a: F, b: F| a == b || (a.is_nan() && b.is_nan());
                assert!(
                    same(values[lane], expected.value)
                        && same(slopes[lane], expected.dtheta)
                        && same(log_slopes[lane], expected.dlog_sigma2),
                    "θ = {}, ln σ² = {}: expected {expected:?}",
                    thetas[from],
                    log_sigma2s[from]
                );
            }
        }
    }
}

#[test]
fn far_lanes_beside_near_ones() {
    f64::vectorize(Lanes);
    f32::vectorize(Lanes);
}
