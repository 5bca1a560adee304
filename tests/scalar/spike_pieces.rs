//! Compares the piecewise D and D′ with mpmath in f64, and in f32 with the sums of `spike_kl`, which are exact to
//! 1e-14. The tests use the vectors of this processor and portable ones; `kernels_with_narrower_vectors` runs them with
//! narrower vectors.

use crate::common::Precision;
use crate::common::compare::assert_close;
use crate::common::fixture::for_each_case;
use crate::common::tolerance::{Check, tolerance};
use spikeslab::scalar::Real;
use spikeslab::scalar::spike_kl::{exact, exact_derivative};
use spikeslab::scalar::spike_pieces::value_and_derivative;
use spikeslab::simd::{Kernel, MAX_LANES, Portable, Vector};

/// D and D′ of each t.
struct Pieces<'a, F> {
    t: &'a [F],
}

impl<F: Real> Kernel<F> for Pieces<'_, F> {
    type Output = (Vec<F>, Vec<F>);

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> (Vec<F>, Vec<F>) {
        let [mut values, mut derivatives] = [(); 2].map(|()| vec![F::zero(); self.t.len()]);
        let chunks = values.chunks_mut(V::LANES).zip(derivatives.chunks_mut(V::LANES));
        for (t, (values, derivatives)) in self.t.chunks(V::LANES).zip(chunks) {
            let mut lanes = [F::one(); MAX_LANES];
            lanes[..t.len()].copy_from_slice(t);
            let (value, derivative) = value_and_derivative(V::load(&lanes));
            value.store_some(values);
            derivative.store_some(derivatives);
        }
        (values, derivatives)
    }
}

/// Computed with the vectors of this processor, with portable vectors, and one number at a time.
fn each_way<F: Real>(t: &[F]) -> [(Vec<F>, Vec<F>); 3] {
    [F::vectorize(Pieces { t }), Pieces { t }.run::<Portable<F>>(), Pieces { t }.run::<F::One>()]
}

#[test]
fn golden_f64() {
    for_each_case::<f64>("scalar/spike_pieces", 1, |case| {
        let t = &case.stored("t").values;
        for (values, derivatives) in each_way(t) {
            case.expect("kl", &values);
            case.expect("dkl_dt", &derivatives);
        }
    });
}

#[test]
fn as_the_sums_in_f64() {
    // Evenly spaced w, and the ends of the pieces with their neighbouring numbers.
    let w = (0..40_000).map(|i| (f64::from(i) + 0.5) / 40_000.0);
    let ends = (1..8).flat_map(|k| (-3..=3).map(move |i| f64::from(k) / 8.0 * (1.0 + f64::from(i) * f64::EPSILON)));
    let t: Vec<f64> = w.chain(ends).map(|w| 16.0 * w / (1.0 - w)).collect();
    let (expected, slopes): (Vec<f64>, Vec<f64>) = t.iter().map(|t| (exact(*t), exact_derivative(*t))).unzip();
    let tolerance = tolerance("spike_pieces", f64::DTYPE, Check::Reference);
    for (values, derivatives) in each_way(&t) {
        assert_close("D", &values, &expected, tolerance);
        assert_close("D′", &derivatives, &slopes, tolerance);
    }
}

/// Asserts that the errors of D and D′ at these t are within the bounds in the documentation.
fn assert_within_bounds(bits: impl Iterator<Item = u32>) {
    let t: Vec<f32> = bits.map(f32::from_bits).collect();
    let smallest = f64::from(f32::MIN_POSITIVE);
    let spacing = smallest * f64::from(f32::EPSILON);
    let check = |what: &str, t: f32, seen: f32, expected: f64, bound: f64, spacings: f64| {
        let allowed = if expected < smallest { spacings * spacing } else { bound * expected };
        let error = (f64::from(seen) - expected).abs();
        assert!(error <= allowed, "{what}({t:e}): {seen:e}, expected {expected:e}, {} off", error / expected);
    };
    for (values, derivatives) in each_way(&t) {
        for ((t, value), derivative) in t.iter().zip(values).zip(derivatives) {
            check("D", *t, value, exact((*t).into()), 2e-7, 0.5);
            check("D′", *t, derivative, exact_derivative((*t).into()), 3e-7, 1.3);
        }
    }
}

const FINITE: u32 = f32::INFINITY.to_bits();

#[test]
fn within_the_bounds_in_f32() {
    assert_within_bounds((0..FINITE).step_by(10_007));
    // Around the ends of the pieces, and at the ends of the range.
    for end in (1..8).map(|k| (16.0 * k as f32 / (8 - k) as f32).to_bits()) {
        assert_within_bounds(end - 300..end + 300);
    }
    assert_within_bounds((0..300).chain(FINITE - 300..FINITE));
}

/// Ten minutes with optimization: `cargo test --release --test main -- --ignored every_number_of_f32`.
#[test]
#[ignore = "slow"]
fn every_number_of_f32_within_the_bounds() {
    const PART: u32 = 1 << 16;
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get()) as u32;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let parts = (thread..FINITE.div_ceil(PART)).step_by(threads as usize);
            scope
                .spawn(move || parts.for_each(|part| assert_within_bounds(PART * part..FINITE.min(PART * (part + 1)))));
        }
    });
}

fn ends_of_the_range<F: Precision>() {
    // All in one vector, so that every lane has another number.
    let t = [F::zero(), F::infinity(), F::nan(), F::max_value(), F::min_positive_value(), F::one()];
    for (values, derivatives) in each_way(&t) {
        assert_eq!((values[0], derivatives[0]), (F::zero(), F::of(0.5)), "0");
        assert_eq!((values[1], derivatives[1]), (F::infinity(), F::zero()), "infinity");
        assert!(values[2].is_nan() && derivatives[2].is_nan(), "NaN");
        for i in [3, 4, 5] {
            let (value, derivative) = (values[i], derivatives[i]);
            assert!(
                value.is_finite() && value > F::zero() && derivative.is_finite() && derivative > F::zero(),
                "{}",
                t[i]
            );
        }
        assert_eq!((values[4], derivatives[4]), (t[4] / F::of(2.0), F::of(0.5)), "t/2 for the smallest normal t");
    }
}

#[test]
fn at_the_ends_of_the_range() {
    ends_of_the_range::<f64>();
    ends_of_the_range::<f32>();
}
