use crate::common::compare::{ToTensor, assert_close};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_panics};
use ndarray::{Array2, ArrayView2, array, s};
use spikeslab::scalar::Real;
use spikeslab::tensor::product::product;

/// c_ij = Σ_l a_il b_lj, a term at a time.
fn textbook<F: Real>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>) -> Array2<F> {
    Array2::from_shape_fn((a.nrows(), b.ncols()), |(i, j)| (0..a.ncols()).map(|l| a[[i, l]] * b[[l, j]]).sum())
}

#[test]
fn the_textbook_product() {
    let (a, b) = (array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], array![[1.0, -1.0], [0.0, 2.0], [10.0, 100.0]]);
    assert_eq!(product(a.view(), b.view()), array![[31.0, 303.0], [64.0, 606.0]]);
}

fn in_every_layout<F: Precision>() {
    let mut random = Random::new(1);
    for (m, k, n) in [(1, 1, 1), (1, 7, 3), (5, 1, 4), (3, 6, 1), (33, 17, 5), (40, 300, 30)] {
        let (a, b): (Array2<F>, Array2<F>) = (random.integers(50, (2 * m, k)), random.integers(50, (k, 3 * n)));
        let (every_second, upside_down) = (a.slice(s![..;2, ..]), a.slice(s![..m;-1, ..;-1]));
        let third = b.slice(s![.., 1..;3]);
        for a in [every_second, upside_down] {
            assert_eq!(product(a, third), textbook(a, third), "{m}×{k}×{n}");
            assert_eq!(product(third.t(), a.t()), textbook(a, third).t(), "transposed, {m}×{k}×{n}");
        }
    }
}

#[test]
fn exact_for_whole_numbers_in_any_layout() {
    in_every_layout::<f64>();
    in_every_layout::<f32>();
}

fn reals<F: Precision>() {
    let mut random = Random::new(2);
    let (a, b): (Array2<F>, Array2<F>) = (random.bells((31, 40)), random.bells((40, 9)));
    let expected = textbook(a.mapv(F::as_f64).view(), b.mapv(F::as_f64).view());
    assert_close("product", &product(a.view(), b.view()), &expected, tolerance("matmul", F::DTYPE, Check::Reference));
}

#[test]
fn close_to_the_textbook_product_for_real_numbers() {
    reals::<f64>();
    reals::<f32>();
}

#[test]
fn nothing_to_add_up_is_zero() {
    assert_eq!(product(Array2::<f64>::ones((2, 0)).view(), Array2::ones((0, 3)).view()), Array2::<f64>::zeros((2, 3)));
    assert_eq!(product(Array2::<f32>::ones((0, 4)).view(), Array2::ones((4, 3)).view()).dim(), (0, 3));
}

#[test]
fn inner_dimensions_that_differ_panic() {
    let (a, b) = (Array2::<f64>::ones((2, 3)), Array2::<f64>::ones((4, 2)));
    assert_panics("2×3 by 4×2", || product(a.view(), b.view()));
}

#[test]
fn the_same_bits_at_any_thread_count() {
    let mut random = Random::new(3);
    let (a, b): (Array2<f32>, Array2<f32>) = (random.bells((150, 70)), random.bells((70, 20)));
    assert_same_bits_at_any_thread_count("product", || vec![product(a.view(), b.view()).to_tensor()]);
}
