//! Compares the elementary functions of each precision with those that the documentation names.

use crate::common::{Several, Wide};
use spikeslab::scalar::{Real, RealVector, elementary};
use spikeslab::simd::{Kernel, Lane, SEVERAL_LANES, Vector};

const NUMBERS: [f64; 8] = [1e-30, 1e-3, 0.25, 0.5, 1.0, 1.5, 7.25, 80.0];

#[test]
fn in_f64_they_are_the_standard_librarys() {
    for x in NUMBERS {
        let seen = [f64::exp_of(x), f64::ln_of(x), f64::ln_1p_of(x), f64::ln_normal_of(x), x.exp_in_loop()];
        assert_eq!(seen, [x.exp(), x.ln(), x.ln_1p(), x.ln(), x.exp()], "{x}");
    }
}

#[test]
fn in_f32_they_are_those_of_elementary() {
    for x in NUMBERS.map(|x| x as f32) {
        let seen = [f32::exp_of(x), f32::ln_of(x), f32::ln_1p_of(x), f32::ln_normal_of(x), x.exp_in_loop()];
        let [exp, ln] = [elementary::exp(x), elementary::ln(x)];
        assert_eq!(seen, [exp, ln, elementary::ln_1p(x), elementary::ln_normal(x), exp], "{x}");
    }
}

/// Compares the functions of a vector with those of its numbers.
struct Functions;

impl<F: Real> Kernel<F> for Functions {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let numbers: [F; SEVERAL_LANES] = std::array::from_fn(|lane| F::of(NUMBERS[lane % NUMBERS.len()]));
        let x = V::load(&numbers);
        let seen = [RealVector::exp(x), RealVector::ln(x), RealVector::ln_1p(x)].map(Vector::lanes);
        for (lane, number) in numbers.iter().enumerate().take(V::LANES) {
            let one = F::One::splat(*number);
            let expected = [F::exp_of(one), F::ln_of(one), F::ln_1p_of(one)].map(Vector::first);
            assert_eq!(seen.map(|lanes| lanes[lane]), expected, "lane {lane}");
        }
    }
}

#[test]
fn a_vector_has_the_functions_of_its_numbers() {
    f32::vectorize(Functions);
    f64::vectorize(Functions);
    f32::vectorize(Wide(Functions));
    f32::vectorize(Several(Functions));
}
