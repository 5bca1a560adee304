use crate::common::assert_panics;
use crate::common::random::Random;
use ndarray::{Array2, Array4};
use spikeslab::layers::flatten::{backward, forward};

/// Every element is another number: 1000 b + 100 c + 10 h + w.
fn numbered() -> Array4<f64> {
    Array4::from_shape_fn((2, 3, 4, 5), |(b, c, h, w)| (1000 * b + 100 * c + 10 * h + w) as f64)
}

#[test]
fn channels_then_rows_then_columns() {
    let (y, _) = forward(numbered());
    assert_eq!(y.dim(), (2, 60));
    for ((b, i), value) in y.indexed_iter() {
        let (c, h, w) = (i / 20, i / 5 % 4, i % 5);
        assert_eq!(*value, (1000 * b + 100 * c + 10 * h + w) as f64, "[{b}, {i}]");
    }
}

#[test]
fn backward_undoes_forward() {
    let x = Random::new(1).bells::<f32, _>((3, 2, 1, 4));
    let (y, cache) = forward(x.clone());
    assert_eq!(backward(&cache, y), x);
}

#[test]
fn the_layout_in_memory_does_not_matter() {
    let x = numbered();
    let permuted = x.view().permuted_axes([3, 1, 0, 2]).as_standard_layout().into_owned().permuted_axes([2, 1, 3, 0]);
    assert_eq!(permuted, x);
    assert!(!permuted.is_standard_layout());
    assert_eq!(forward(permuted).0, forward(x.clone()).0);
    let (y, cache) = forward(x.clone());
    let columns_first = y.t().as_standard_layout().into_owned().reversed_axes();
    assert_eq!(backward(&cache, columns_first), x);
}

#[test]
fn a_gradient_of_another_shape_panics() {
    let (_, cache) = forward(numbered());
    for shape in [(60, 2), (1, 120), (2, 59)] {
        assert_panics(&format!("{shape:?}"), || backward(&cache, Array2::<f64>::zeros(shape)));
    }
}
