mod gaussian;
mod mixture;
mod nearest;
mod quantizer;
mod vnq;
mod windows;

use crate::common::Dtype;
use crate::common::device::{DevicePrecision, assert_parity, assert_same_bits, device, on_device, on_host};
use crate::common::forms::codebooks;
use crate::common::random::Random;
use crate::common::tolerance::{Check, tolerance};
use ndarray::Array1;
use spikeslab::cuda::Buffer;
use spikeslab::cuda::prior::{self as on_gpu, Codebook as OnGpu};
use spikeslab::prior::multi_spike::zero_level;
use spikeslab::prior::{Codebook, Form, MultiSpike, Prior};
use spikeslab::scalar::Real;
use spikeslab::scalar::spike_kl::Spike;

/// Weights for some blocks of threads and a part of one.
const WEIGHTS: usize = 1111;

/// Compares a form with the CPU's, with equal and with other masses.
fn assert_form<F: DevicePrecision>(form: Form, name: &str, spike: Spike) {
    for (i, levels) in codebooks(form).into_iter().enumerate() {
        let levels: Vec<F> = levels.iter().map(|level| F::of(*level)).collect();
        let count = levels.len();
        let equal = Codebook::new(levels.clone()).expect("a codebook");
        let sum = (count * (count + 1) / 2) as f64;
        let masses = (1..=count).map(|k| F::of(k as f64 / sum)).collect();
        let unequal = Codebook::with_level_weights(levels, masses).expect("a codebook");
        for codebook in [equal, unequal] {
            assert_kl(&Prior::MultiSpike(MultiSpike::new(form, spike)), name, &codebook, i as u64);
        }
    }
}

/// Compares the KL to a prior, and its gradient, with the CPU's.
fn assert_kl<F: DevicePrecision>(prior: &Prior, name: &str, codebook: &Codebook<F>, seed: u64) {
    let Some(device) = device(&format!("prior::{name} {:?}, {} levels", F::DTYPE, codebook.levels().len())) else {
        return;
    };
    let mut random = Random::new(seed);
    let mut theta: Array1<F> = random.uniforms(-0.6, 0.6, WEIGHTS);
    let mut log_sigma2: Array1<F> = random.uniforms(-10.0, 1.0, WEIGHTS);
    for (i, level) in codebook.levels().iter().enumerate() {
        theta[i] = *level;
        log_sigma2[i] = F::of(if i % 2 == 0 { -10.0 } else { 1.0 });
    }
    let slice = |x: &Array1<F>| x.as_slice().expect("standard layout").to_vec();
    let expected = prior.kl(&slice(&theta), &slice(&log_sigma2), codebook).expect("a KL");

    let levels = on_device(&device, &Array1::from(codebook.levels().to_vec()));
    let costs: Vec<F> = codebook.level_weights().iter().map(|mass| -mass.ln()).collect();
    let costs = on_device(&device, &Array1::from(costs));
    let on_device_codebook = OnGpu { levels: &levels, costs: &costs, zero: zero_level(codebook.levels()) };
    let mut value = Buffer::<f64>::zeros(&device, &[2]).expect("memory");
    let (x, y) = (on_device(&device, &theta), on_device(&device, &log_sigma2));
    let gradient = on_gpu::kl(prior, &x, &y, &on_device_codebook, &mut value, 1).expect("it runs").expect("a KL");

    // This form uses only + − × ÷, so that the bits are equal.
    let exactly = F::DTYPE == Dtype::F32
        && matches!(prior, Prior::MultiSpike(MultiSpike { form: Form::Nearest, spike: Spike::Fit, .. }));
    let operation = format!("{name} on the device");
    for (what, seen, expected) in
        [("dtheta", &gradient.dtheta, &expected.dtheta), ("dlog_sigma2", &gradient.dlog_sigma2, &expected.dlog_sigma2)]
    {
        if exactly {
            assert_same_bits(what, seen, expected);
        } else {
            assert_parity(&operation, what, seen, expected);
        }
    }
    let value = on_host(&value);
    assert_eq!(value[0], 0.0, "the place of another layer's value");
    assert_sum(&format!("{operation}: KL"), value[1], expected.value, expected.value.abs(), F::DTYPE);
    if let Prior::MultiSpike(_) = prior {
        let sizes = sizes_of_pulls(prior, &theta, &log_sigma2, codebook);
        let seen = on_host(&gradient.dlevels);
        assert_eq!(seen.len(), expected.dlevels.len());
        for (k, size) in sizes.into_iter().enumerate() {
            assert_sum(
                &format!("{operation}: dlevels[{k}]"),
                seen[k].as_f64(),
                expected.dlevels[k].as_f64(),
                size,
                F::DTYPE,
            );
        }
    }
}

/// Σ |∂F/∂ℓ_k| over the weights.
fn sizes_of_pulls<F: Real>(
    prior: &Prior,
    theta: &Array1<F>,
    log_sigma2: &Array1<F>,
    codebook: &Codebook<F>,
) -> Vec<f64> {
    let mut sizes = vec![0.0; codebook.levels().len()];
    for (theta, log_sigma2) in theta.iter().zip(log_sigma2) {
        let one = prior.kl(&[*theta], &[*log_sigma2], codebook).expect("a KL");
        sizes.iter_mut().zip(one.dlevels).for_each(|(size, pull)| *size += pull.as_f64().abs());
    }
    sizes
}

/// Compares a sum; `size` is the sum of the sizes of its terms.
#[track_caller]
fn assert_sum(what: &str, seen: f64, expected: f64, size: f64, dtype: Dtype) {
    let allowed = tolerance("sum on the device", dtype, Check::Reference).relative * size;
    let error = (seen - expected).abs();
    assert!(error <= allowed, "{what}: expected {expected:e} (saw: {seen:e}), allowed {allowed:e}");
}
