use crate::common::Dtype::F32;
use crate::common::compare::{ToTensor, assert_close};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_panics};
use ndarray::Array2;
use spikeslab::kernels::matmul::matmul;
use spikeslab::simd::Lane;
use spikeslab::tensor::product::product;

/// (m, k, n): single rows and columns, and just below, at and above the 32 rows that one thread computes at a time.
const SIZES: [(usize, usize, usize); 9] =
    [(1, 1, 1), (1, 7, 3), (5, 1, 4), (3, 6, 1), (31, 5, 9), (32, 8, 8), (33, 17, 5), (64, 3, 65), (100, 40, 30)];

fn whole_numbers<F: Precision>() {
    let mut random = Random::new(1);
    for (m, k, n) in SIZES {
        let (a, b): (Array2<F>, Array2<F>) = (random.integers(50, (m, k)), random.integers(50, (k, n)));
        assert_eq!(matmul(a.view(), b.view()), product(a.view(), b.view()), "{m}×{k}×{n}");
        let (at, bt) = (a.t().as_standard_layout().into_owned(), b.t().as_standard_layout().into_owned());
        assert_eq!(matmul(at.t(), b.view()), product(a.view(), b.view()), "aᵀ, {m}×{k}×{n}");
        assert_eq!(matmul(a.view(), bt.t()), product(a.view(), b.view()), "bᵀ, {m}×{k}×{n}");
    }
}

#[test]
fn exact_for_whole_numbers_in_any_layout() {
    whole_numbers::<f64>();
    whole_numbers::<f32>();
}

fn reals<F: Precision>() {
    let mut random = Random::new(2);
    for (m, k, n) in SIZES {
        let (a, b): (Array2<F>, Array2<F>) = (random.bells((m, k)), random.bells((k, n)));
        // The reference is computed in f64, whose error is negligible against F's.
        let reference = product(a.mapv(F::as_f64).view(), b.mapv(F::as_f64).view());
        let tolerance = tolerance("matmul", F::DTYPE, Check::Reference);
        assert_close(&format!("{m}×{k}×{n}"), &matmul(a.view(), b.view()), &reference, tolerance);
    }
}

#[test]
fn close_to_the_reference_for_real_numbers() {
    reals::<f64>();
    reals::<f32>();
}

#[test]
fn nan_spoils_its_row_alone() {
    let mut a = Array2::<f64>::ones((40, 3));
    a[[35, 1]] = f64::NAN;
    let product = matmul(a.view(), Array2::ones((3, 2)).view());
    for ((row, column), value) in product.indexed_iter() {
        assert_eq!(value.is_nan(), row == 35, "[{row}, {column}] is {value}");
    }
}

#[test]
fn inner_dimensions_that_differ_panic() {
    let (a, b) = (Array2::<f64>::ones((2, 3)), Array2::<f64>::ones((4, 2)));
    assert_panics("2×3 by 4×2", || matmul(a.view(), b.view()));
}

#[test]
fn the_same_bits_at_any_thread_count() {
    let mut random = Random::new(3);
    let (a, b): (Array2<f32>, Array2<f32>) = (random.bells((150, 70)), random.bells((70, 20)));
    assert_same_bits_at_any_thread_count("matmul", || vec![matmul(a.view(), b.view()).to_tensor()]);
}

/// With 60,000 terms, a sequential sum in f32 would have an error in the fourth digit.
#[test]
fn a_long_sum_is_as_exact_as_a_short_one() {
    let tolerance = tolerance("matmul long", F32, Check::Property);
    for depth in [512, 513, 1024, 60_000] {
        let (a, b) = (Array2::<f32>::ones((3, depth)), Array2::from_elem((depth, 35), 0.1));
        let expected = Array2::from_elem((3, 35), depth as f64 * 0.1_f32.as_f64());
        assert_close(&format!("{depth} terms"), &matmul(a.view(), b.view()), &expected, tolerance);
    }
    // The sums of whole numbers are exact, which shows that no term is left out or added twice.
    let mut random = Random::new(7);
    let (a, b): (Array2<f64>, Array2<f64>) = (random.integers(50, (13, 2000)), random.integers(50, (2000, 37)));
    assert_eq!(matmul(a.view(), b.view()), product(a.view(), b.view()));
}
