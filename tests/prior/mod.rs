//! Tests of `Prior` and of the sum over a layer's weights, and a module for each file of `src/prior`.

mod codebook;
mod gaussian;
mod kmeans;
mod mixture;
mod multi_spike;
mod nearest;
mod quadrature;
mod quantizer;
mod spike;
mod vnq;
mod weight_form;
mod windows;

use crate::common::compare::{ToTensor, assert_close};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_panics};
use spikeslab::prior::{Codebook, Form, Gaussian, Kl, MultiSpike, Prior};
use spikeslab::scalar::spike_kl::Spike;

/// Enough weights for three threads, where the third has fewer.
const WEIGHTS: usize = 2 * 4096 + 77;

fn posterior<F: Precision>(count: usize) -> (Vec<F>, Vec<F>) {
    let mut random = Random::new(31);
    let theta = random.uniforms(-0.5, 0.5, count).into_raw_vec_and_offset().0;
    (theta, random.uniforms(-10.0, 1.0, count).into_raw_vec_and_offset().0)
}

fn priors() -> Vec<Prior> {
    let forms = [Form::Nearest, Form::Mixture, Form::Vnq];
    let mut priors: Vec<Prior> =
        forms.map(|form| Prior::MultiSpike(MultiSpike::new(form, Spike::Fit))).into_iter().collect();
    priors.push(Prior::Gaussian(Gaussian::default()));
    priors
}

/// The KL computed one weight at a time.
fn one_by_one(prior: &Prior, theta: &[f64], log_sigma2: &[f64], codebook: &Codebook<f64>) -> Kl<f64> {
    let mut sum = Kl { value: 0.0, dtheta: vec![], dlog_sigma2: vec![], dlevels: vec![0.0; codebook.levels().len()] };
    for (theta, log_sigma2) in theta.iter().zip(log_sigma2) {
        let kl = match prior {
            Prior::MultiSpike(prior) => prior.weight_kl(codebook)(*theta, *log_sigma2, &mut sum.dlevels),
            Prior::Gaussian(prior) => prior.weight_kl()(*theta, *log_sigma2),
            Prior::None => unreachable!(),
        };
        sum.value += kl.value;
        sum.dtheta.push(kl.dtheta);
        sum.dlog_sigma2.push(kl.dlog_sigma2);
    }
    sum
}

#[test]
fn a_layer_s_kl_is_the_sum_over_its_weights() {
    let codebook = Codebook::symmetric(3).expect("three levels");
    let tolerance = tolerance("sum of kl", crate::common::Dtype::F64, Check::Reference);
    for prior in priors() {
        for count in [1, 4095, 4096, 4097, WEIGHTS] {
            let (theta, log_sigma2) = posterior::<f64>(count);
            let seen = prior.kl(&theta, &log_sigma2, &codebook).expect("a KL");
            let expected = one_by_one(&prior, &theta, &log_sigma2, &codebook);
            let what = format!("{prior:?}, {count} weights");
            assert_close(&format!("{what}: value"), &seen.value, &expected.value, tolerance);
            assert_close(&format!("{what}: dlevels"), &seen.dlevels, &expected.dlevels, tolerance);
            assert_eq!(seen.dtheta, expected.dtheta, "{what}");
            assert_eq!(seen.dlog_sigma2, expected.dlog_sigma2, "{what}");
        }
    }
}

#[test]
fn no_prior_has_no_kl_and_a_gaussian_does_not_pull_on_levels() {
    let codebook = Codebook::symmetric(5).expect("five levels");
    let (theta, log_sigma2) = posterior::<f32>(100);
    assert_eq!(Prior::None.kl(&theta, &log_sigma2, &codebook), None);
    let gaussian = Prior::Gaussian(Gaussian::default()).kl(&theta, &log_sigma2, &codebook).expect("a KL");
    assert_eq!(gaussian.dlevels, vec![0.0; 5]);
    assert!(gaussian.value > 0.0);
}

#[test]
fn one_nan_weight_makes_the_sum_nan() {
    let codebook = Codebook::symmetric(3).expect("three levels");
    for prior in priors() {
        let (mut theta, log_sigma2) = posterior::<f32>(WEIGHTS);
        theta[WEIGHTS - 1] = f32::NAN;
        let kl = prior.kl(&theta, &log_sigma2, &codebook).expect("a KL");
        assert!(kl.value.is_nan(), "{prior:?}: {}", kl.value);
    }
}

#[test]
fn posteriors_of_different_lengths_panic() {
    let codebook = Codebook::symmetric(3).expect("three levels");
    let (theta, log_sigma2) = posterior::<f64>(2 * 4096);
    for prior in priors() {
        assert_panics("a short ln σ²", || prior.kl(&theta, &log_sigma2[..4096], &codebook));
        assert_panics("a short θ", || prior.kl(&theta[..4096], &log_sigma2, &codebook));
    }
}

#[test]
fn the_same_bits_at_any_thread_count() {
    let codebook = Codebook::<f32>::symmetric(3).expect("three levels");
    let (theta, log_sigma2) = posterior::<f32>(WEIGHTS);
    for prior in priors() {
        assert_same_bits_at_any_thread_count(&format!("{prior:?}"), || {
            let kl = prior.kl(&theta, &log_sigma2, &codebook).expect("a KL");
            vec![kl.value.to_tensor(), kl.dtheta.to_tensor(), kl.dlog_sigma2.to_tensor(), kl.dlevels.to_tensor()]
        });
    }
}
