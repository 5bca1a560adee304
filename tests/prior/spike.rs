use crate::common::Precision;
use crate::common::forms::SPIKES;
use crate::common::gradient::assert_gradient;
use spikeslab::prior::spike::{spike_kl, squared_distance};
use spikeslab::scalar::spike_kl::Spike;

#[test]
fn the_value_is_d_of_the_squared_distance() {
    assert_eq!(squared_distance(0.75, 8.0, 0.25), 2.0);
    assert_eq!(squared_distance(0.25, 8.0, 0.75), 2.0);
    for spike in SPIKES {
        assert_eq!(spike_kl(spike, 0.75, 8.0, 0.25).value, spike.value_and_derivative(2.0).0);
    }
}

#[test]
fn the_chain_rule_in_theta_and_log_sigma2() {
    for spike in SPIKES {
        for (theta, log_sigma2, level) in [(0.3, -4.0, 0.2), (-0.7, -9.0, 0.0), (0.21, 1.0, 0.2), (0.2, -3.0, 0.2)] {
            let kl = spike_kl(spike, theta, f64::exp(-log_sigma2), level);
            // The fit is not analytic on the level: the step is small beside the distance to it.
            let distance = if theta == level { 1.0 } else { f64::abs(theta - level) };
            let step = 4e-3 * f64::exp(0.5 * log_sigma2).min(distance);
            let what = format!("{spike:?}, θ = {theta}, ln σ² = {log_sigma2}");
            assert_gradient("spike", &what, step, &[theta, log_sigma2], &vec![kl.dtheta, kl.dlog_sigma2], |x| {
                spike_kl(spike, x[0], f64::exp(-x[1]), level).value
            });
        }
    }
}

#[test]
fn on_the_level_nothing_pulls() {
    for spike in SPIKES {
        let kl = spike_kl(spike, 0.2_f32, 22026.0, 0.2);
        assert_eq!((kl.value, kl.dtheta, kl.dlog_sigma2), (0.0, 0.0, 0.0), "{spike:?}");
    }
}

fn overflow<F: Precision>(far: f64) {
    let t = squared_distance(F::of(far), F::of(1e30), F::zero());
    assert_eq!(t, F::max_value());
    for spike in SPIKES {
        let kl = spike_kl(spike, F::of(far), F::of(1e30), F::zero());
        assert!(kl.value.is_finite() && kl.dtheta.is_finite() && kl.dlog_sigma2.is_finite(), "{spike:?}: {kl:?}");
        // A window that has closed on it leaves nothing.
        assert_eq!(F::zero() * kl.value, F::zero());
    }
}

#[test]
fn a_distance_that_overflows_stays_finite() {
    overflow::<f32>(1e10);
    overflow::<f64>(1e150);
}

#[test]
fn nan_is_kept() {
    assert!(squared_distance(f64::NAN, 1.0, 0.0).is_nan());
    assert!(spike_kl(Spike::Exact, f64::NAN, 1.0, 0.0).value.is_nan());
}
