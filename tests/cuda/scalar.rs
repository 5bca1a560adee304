//! Compiles the header of the kernels, `src/cuda/scalar.cuh`, as C++: each of its functions returns the bits of the
//! Rust function.

use crate::common::random::Random;
use spikeslab::cuda::Element;
use spikeslab::cuda::kernels::HEADER;
use spikeslab::prior::quantizer::{Quantizer, partition};
use spikeslab::prior::spike::{Sigma, spike_kl};
use spikeslab::scalar::circle::circle;
use spikeslab::scalar::gaussian_kl::gaussian_kl;
use spikeslab::scalar::ln_unit::ln_unit;
use spikeslab::scalar::spike_kl::Spike;
use spikeslab::scalar::{Real, RealVector, WeightKl};
use spikeslab::simd::{Lane, MAX_LANES, Vector};
use spikeslab::tensor::noise::{Philox, philox4x32_10};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The number of calls of each function.
const CALLS: usize = 50_000;

/// The compiled program that calls the header's functions.
struct Probe {
    /// The directory of the program, removed when the probe is dropped.
    _directory: tempfile::TempDir,
    program: PathBuf,
}

impl Probe {
    fn new(real: &str) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let of = |name: &str| directory.path().join(name);
        fs::write(of("scalar.cuh"), HEADER).expect("it can be written");
        fs::write(of("scalar.cpp"), include_str!("scalar.cpp")).expect("it can be written");
        let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_string());
        let compiled = Command::new(&compiler)
            // As when kernels are compiled, products and sums are not fused.
            .args(["-std=c++17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"])
            .arg(format!("-DREAL={real}"))
            .args(["-o".as_ref(), of("probe").as_os_str(), of("scalar.cpp").as_os_str()])
            .output();
        match compiled {
            Ok(output) => {
                assert!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
                Some(Self { program: of("probe"), _directory: directory })
            }
            Err(error) => {
                let skipped = format!("SKIPPED the kernels' header as C++: {compiler}: {error}\n");
                std::io::stderr().write_all(skipped.as_bytes()).expect("standard error is open");
                None
            }
        }
    }

    /// Asserts that `function` returns the same bits as `expected` for each of `inputs`.
    fn assert_same<const A: usize, const R: usize>(
        &self,
        function: &str,
        inputs: impl Iterator<Item = [f64; A]>,
        expected: impl Fn([f64; A]) -> [f64; R],
    ) {
        let inputs: Vec<[f64; A]> = inputs.collect();
        assert!(inputs.len() > 1000, "{function}: too few inputs");
        let mut probe = Command::new(&self.program)
            .arg(function)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let bytes: Vec<u8> = inputs.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
        let mut stdin = probe.stdin.take().expect("it reads");
        // The probe writes while it reads, so another thread writes its input; otherwise both could wait for each
        // other.
        let writer = std::thread::spawn(move || stdin.write_all(&bytes));
        let output = probe.wait_with_output().expect("it ends");
        writer.join().expect("no panic").expect("it reads all");
        assert!(output.status.success(), "{function}: {}", output.status);
        let seen: Vec<f64> =
            output.stdout.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().expect("eight"))).collect();
        assert_eq!(seen.len(), R * inputs.len(), "{function}: results");
        for (input, seen) in inputs.iter().zip(seen.chunks_exact(R)) {
            let expected = expected(*input);
            let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
            assert!(seen.iter().zip(&expected).all(same), "{function}{input:?}: expected {expected:?} (saw: {seen:?})");
        }
    }
}

/// Numbers in the working precision: at the ends of its range, of every size and sign, and with random bits.
fn numbers<F: Real>(seed: u64) -> impl Iterator<Item = f64> {
    let mut random = Random::new(seed);
    let ends = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324, f64::MAX, 88.8, 89.0, -104.0];
    let others = (0..CALLS).map(move |i| match i % 4 {
        0 => f64::from(f32::from_bits(random.word() as u32)),
        1 => random.sign() * random.uniform(-300.0, 300.0).exp2(),
        2 => random.uniform(-110.0, 95.0),
        _ => random.uniform(0.0, 3.0),
    });
    ends.into_iter().chain(others).map(|x| F::of(x).as_f64())
}

fn positive<F: Real>(seed: u64) -> impl Iterator<Item = f64> {
    numbers::<F>(seed).map(f64::abs)
}

fn of_weight<F: Real>(kl: WeightKl<F>) -> [f64; 3] {
    [kl.value, kl.dtheta, kl.dlog_sigma2].map(Lane::as_f64)
}

/// A function of a vector, of one number.
fn in_lane<F: Real>(x: F, function: impl Fn(F::One) -> F::One) -> f64 {
    let mut lanes = [F::zero(); MAX_LANES];
    function(F::One::splat(x)).store(&mut lanes);
    lanes[0].as_f64()
}

fn functions_of_the_working_precision<F: Real + Element>() {
    let Some(probe) = Probe::new(F::TYPE) else { return };
    let of = F::of;
    let one = |x: F| [x.as_f64()];
    probe.assert_same("exp_in_loop", numbers::<F>(1).map(|x| [x]), |[x]| one(of(x).exp_in_loop()));
    probe.assert_same("ln_in_loop", numbers::<F>(2).map(|x| [x]), |[x]| [in_lane(of(x), RealVector::ln)]);
    probe.assert_same("ln_1p_in_loop", positive::<F>(3).map(|x| [x]), |[x]| [in_lane(of(x), RealVector::ln_1p)]);
    probe.assert_same("is_finite", numbers::<F>(4).map(|x| [x]), |[x]| [f64::from(u8::from(of(x).is_finite()))]);
    for (name, spike) in [("exact", Spike::Exact), ("fit", Spike::Fit)] {
        probe.assert_same(name, positive::<F>(5).map(|t| [t]), |[t]| {
            let (value, slope) = spike.value_and_derivative(of(t));
            [value.as_f64(), slope.as_f64()]
        });
    }
    let mut random = Random::new(6);
    let mut uniforms = |ranges: &[[f64; 2]]| -> Vec<f64> {
        ranges.iter().map(|[low, high]| of(random.uniform(*low, *high)).as_f64()).collect()
    };
    let weights: Vec<[f64; 4]> = (0..CALLS)
        .map(|_| uniforms(&[[-1.0, 1.0], [-10.0, 1.0], [-0.1, 0.1], [-6.0, 1.0]]).try_into().expect("four"))
        .collect();
    probe.assert_same("gaussian_kl", weights.iter().copied(), |x| {
        let [theta, log_sigma2, mean, prior_log_sigma2] = x.map(of);
        of_weight(gaussian_kl(theta, log_sigma2, mean, prior_log_sigma2))
    });
    // Also weights for which 1/σ² or 1/σ overflows, on the level and off it.
    let tiny = weights.iter().enumerate().map(|(i, [theta, log_sigma2, level, _])| {
        let at = [*theta, *level, level * 1.000_001, level + 1e-37][i % 4];
        [of(at).as_f64(), 20.0 * log_sigma2 * (1 + i % 9) as f64, *level]
    });
    let posteriors = weights.iter().map(|[theta, log_sigma2, level, _]| [*theta, *log_sigma2, *level]).chain(tiny);
    probe.assert_same("spike_kl", posteriors, |x| {
        let [theta, log_sigma2, level] = x.map(|x| F::One::splat(of(x)));
        of_weight(spike_kl(Spike::Fit, theta, Sigma::new(log_sigma2), level).first())
    });
    let levels = [-0.3, -0.1, 0.15, 0.3].map(of);
    let quantizer = Quantizer::new(&levels);
    // Also θ on the partitions.
    let partitions: Vec<f64> = levels.windows(2).map(|pair| partition(pair[0], pair[1]).as_f64()).collect();
    let thetas = weights.iter().map(|weight| weight[0]).chain(partitions);
    let [a, b, c, d] = levels.map(Lane::as_f64);
    probe.assert_same("nearest_level", thetas.map(|theta| [theta, a, b, c, d]), |x| [quantizer.index(of(x[0])) as f64]);
}

#[test]
fn the_header_has_the_bits_of_the_rust_code_f32() {
    functions_of_the_working_precision::<f32>();
}

#[test]
fn the_header_has_the_bits_of_the_rust_code_f64() {
    functions_of_the_working_precision::<f64>();
}

#[test]
fn the_noise_of_the_header_has_the_bits_of_the_rust_code() {
    let Some(probe) = Probe::new("f64") else { return };
    let mut random = Random::new(7);
    let units: Vec<f64> = (0..CALLS).map(|i| random.uniform(0.0, 1.0) * f64::exp2(-((i % 40) as f64))).collect();
    probe.assert_same("ln_unit", units.iter().map(|u| [u.max(1e-300)]), |[u]| [ln_unit(u)]);
    probe.assert_same("circle", units.iter().copied().chain([0.0, 0.25, 0.5, 0.75, 1.0]).map(|u| [u]), |[u]| {
        let (x, y) = circle(u);
        [x, y]
    });
    let words: Vec<[u32; 6]> = (0..CALLS).map(|_| std::array::from_fn(|_| random.word() as u32)).collect();
    probe.assert_same("philox", words.iter().map(|words| words.map(f64::from)), |x| {
        let [c0, c1, c2, c3, k0, k1] = x.map(|word| word as u32);
        philox4x32_10([c0, c1, c2, c3], [k0, k1]).map(f64::from)
    });
    let stream = Philox::with_tensor_id(random.word(), 3, 4);
    let blocks: Vec<([u32; 4], [f64; 4])> =
        (0..CALLS as u64 / 4).map(|block| (stream.words(block), stream.normals(block))).collect();
    let pairs = |(words, normals): &([u32; 4], [f64; 4])| {
        [0, 2].map(|i| ([f64::from(words[i]), f64::from(words[i + 1])], [normals[i], normals[i + 1]]))
    };
    let drawn: std::collections::HashMap<[u64; 2], [f64; 2]> =
        blocks.iter().flat_map(pairs).map(|(words, normals)| (words.map(f64::to_bits), normals)).collect();
    probe.assert_same("box_muller", blocks.iter().flat_map(pairs).map(|(words, _)| words), |words| {
        drawn[&words.map(f64::to_bits)]
    });
}
