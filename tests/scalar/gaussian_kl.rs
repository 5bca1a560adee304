use crate::common::Precision;
use crate::common::fixture::for_each_case;
use crate::common::gradient::assert_gradient;
use spikeslab::scalar::WeightKl;
use spikeslab::scalar::gaussian_kl::gaussian_kl;

fn golden<F: Precision>() {
    for_each_case::<F>("scalar/gaussian_kl", 7, |case| {
        let (theta, log_sigma2) = (case.vec("theta"), case.vec("log_sigma2"));
        let (mean, log_variance) = (case.scalar("prior_mean"), case.scalar("prior_log_sigma2"));
        let kls: Vec<WeightKl<F>> =
            theta.iter().zip(log_sigma2).map(|(theta, s)| gaussian_kl(*theta, s, mean, log_variance)).collect();
        let all = |field: fn(&WeightKl<F>) -> F| kls.iter().map(field).collect::<Vec<F>>();
        case.expect("kl", &all(|kl| kl.value));
        case.expect("dtheta", &all(|kl| kl.dtheta));
        case.expect("dlog_sigma2", &all(|kl| kl.dlog_sigma2));
    });
}

both_precisions!(golden);

#[test]
fn the_derivatives_are_those_of_the_value() {
    for (theta, log_sigma2, mean, log_variance) in
        [(0.3, -5.0, 0.0, -4.0), (-1.2, 1.0, 0.25, -2.5), (0.0, -10.0, 0.0, 0.0), (0.7, -4.0, 0.7, -4.0)]
    {
        let kl = gaussian_kl(theta, log_sigma2, mean, log_variance);
        let what = format!("θ = {theta}, ln σ² = {log_sigma2}");
        assert_gradient("gaussian_kl", &what, 1e-2, &[theta, log_sigma2], &vec![kl.dtheta, kl.dlog_sigma2], |x| {
            gaussian_kl(x[0], x[1], mean, log_variance).value
        });
    }
}

#[test]
fn zero_at_the_prior_itself_and_positive_beside_it() {
    let at = gaussian_kl(0.3, -1.7, 0.3, -1.7);
    assert_eq!(at, WeightKl::zero());
    for (theta, log_sigma2) in [(0.3001, -1.7), (0.2999, -1.7), (0.3, -1.7001), (0.3, -1.6999)] {
        assert!(gaussian_kl(theta, log_sigma2, 0.3, -1.7).value > 0.0, "θ = {theta}, ln σ² = {log_sigma2}");
    }
}

#[test]
fn nan_is_kept() {
    assert!(gaussian_kl(f64::NAN, -1.0, 0.0, -4.0).value.is_nan());
    assert!(gaussian_kl(0.1, f32::NAN, 0.0, -4.0).value.is_nan());
}
