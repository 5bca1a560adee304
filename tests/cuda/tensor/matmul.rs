use crate::common::Dtype;
use crate::common::device::{DevicePrecision, device, on_device, on_host};
use crate::common::random::Random;
use ndarray::{Array2, Array3, s};
use spikeslab::cuda::tensor::matmul::{Matrices, matmul, matmul_batched};

/// Each element within 4 k ε Σ|a||b| of the product in f64, k the inner dimension.
#[track_caller]
fn assert_product<F: DevicePrecision>(what: &str, seen: &Array2<F>, a: &Array2<F>, b: &Array2<F>) {
    let epsilon = if F::DTYPE == Dtype::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let [a, b] = [a, b].map(|x| x.mapv(|x| x.as_f64()));
    let (expected, size) = (a.dot(&b), a.mapv(f64::abs).dot(&b.mapv(f64::abs)));
    assert_eq!(seen.shape(), expected.shape(), "{what}");
    for ((at, seen), (expected, size)) in seen.indexed_iter().zip(expected.iter().zip(&size)) {
        let allowed = 4.0 * a.ncols() as f64 * epsilon * size;
        let error = (seen.as_f64() - expected).abs();
        assert!(error <= allowed, "{what}{at:?}: expected {expected:e} (saw: {seen:e}), allowed {allowed:e}");
    }
}

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("tensor::matmul {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    for [m, k, n] in [[1, 1, 1], [2, 3, 4], [17, 33, 9], [40, 300, 25]] {
        let (a, b): (Array2<F>, Array2<F>) = (random.bells((m, k)), random.bells((k, n)));
        let (at, bt) = (a.t().as_standard_layout().into_owned(), b.t().as_standard_layout().into_owned());
        let [da, db, dat, dbt] = [&a, &b, &at, &bt].map(|x| on_device(&device, x));
        for (what, left, right) in [
            ("a b", Matrices::one(&da, m, k), Matrices::one(&db, k, n)),
            ("aᵀᵀ b", Matrices::one(&dat, k, m).t(), Matrices::one(&db, k, n)),
            ("a bᵀᵀ", Matrices::one(&da, m, k), Matrices::one(&dbt, n, k).t()),
            ("aᵀᵀ bᵀᵀ", Matrices::one(&dat, k, m).t(), Matrices::one(&dbt, n, k).t()),
        ] {
            let product = on_host(&matmul(left, right).expect("it runs")).into_dimensionality().expect("a matrix");
            assert_product(&format!("{what} ({m}, {k}, {n})"), &product, &a, &b);
        }
    }
}

#[test]
fn parity_f32() {
    parity::<f32>();
}

#[test]
fn parity_f64() {
    parity::<f64>();
}

#[test]
fn parity_batched() {
    let Some(device) = device("tensor::matmul, batched") else { return };
    let mut random = Random::new(2);
    let a: Array2<f32> = random.bells((6, 5));
    let b: Array3<f32> = random.bells((4, 5, 7));
    let (da, db) = (on_device(&device, &a), on_device(&device, &b));
    let product = matmul_batched(Matrices::one(&da, 6, 5), Matrices::each(&db, 5, 7), 4).expect("it runs");
    assert_eq!(product.shape(), [4, 6, 7]);
    let product: Array3<f32> = on_host(&product).into_dimensionality().expect("matrices");
    for i in 0..4 {
        let (seen, of) = (product.slice(s![i, .., ..]).to_owned(), b.slice(s![i, .., ..]).to_owned());
        assert_product(&format!("number {i}"), &seen, &a, &of);
    }
}
