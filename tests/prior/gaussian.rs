use crate::common::Precision;
use crate::common::fixture::for_each_case;
use spikeslab::prior::{Codebook, Gaussian, Prior};
use spikeslab::scalar::gaussian_kl::gaussian_kl;

fn golden<F: Precision>() {
    for_each_case::<F>("prior/gaussian", 3, |case| {
        let prior =
            Gaussian { mean: case.stored_scalar("prior_mean"), log_sigma2: case.stored_scalar("prior_log_sigma2") };
        let (theta, log_sigma2) = (case.vec("theta"), case.vec("log_sigma2"));
        let shape = |values: &[F]| {
            let mut tensor = crate::common::compare::ToTensor::to_tensor(values);
            tensor.shape.clone_from(&case.stored("theta").shape);
            tensor
        };
        let each: Vec<F> =
            theta.iter().zip(&log_sigma2).map(|(theta, s)| prior.weight_kl()(*theta, *s).value).collect();
        case.expect("kl", &shape(&each));
        let codebook = Codebook::symmetric(2).expect("two levels");
        let sum = Prior::Gaussian(prior).kl(&theta, &log_sigma2, &codebook).expect("a KL");
        case.expect("dtheta", &shape(&sum.dtheta));
        case.expect("dlog_sigma2", &shape(&sum.dlog_sigma2));
    });
}

both_precisions!(golden);

#[test]
fn unless_given_it_is_that_of_the_published_comparison() {
    let prior = Gaussian::default();
    assert_eq!((prior.mean, prior.log_sigma2), (0.0, -4.0));
    assert_eq!(prior.weight_kl()(0.3, -2.0), gaussian_kl(0.3, -2.0, 0.0, -4.0));
}
