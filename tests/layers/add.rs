use crate::common::assert_error;
use crate::common::compare::ToTensor;
use crate::common::gradient::{assert_gradient, weighted_sum};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use ndarray::{ArrayD, IxDyn, array};
use spikeslab::layers::add::{backward, forward};

fn summands(shape: &[usize], count: usize) -> Vec<ArrayD<f64>> {
    let mut random = Random::new(3);
    (0..count).map(|_| random.uniforms(-1.0, 1.0, IxDyn(shape))).collect()
}

#[test]
fn the_sum_of_each_element() {
    let xs = vec![array![[1.0_f32, 2.0]].into_dyn(), array![[0.5, -2.0]].into_dyn(), array![[4.0, 8.0]].into_dyn()];
    let (y, cache) = forward(xs).expect("one shape");
    assert_eq!(y, array![[5.5, 8.0]].into_dyn());
    let dy = array![[3.0, -1.0]].into_dyn();
    assert_eq!(backward(&cache, dy.clone()), [dy.clone(), dy.clone(), dy]);
}

/// (1 + 2⁻⁵³) + 2⁻⁵³ is 1 in f64; summed in the opposite order it is more.
#[test]
fn summands_are_added_in_order() {
    let half = 2.0_f64.powi(-53);
    let sum = |of: [f64; 3]| forward(of.map(|x| array![x].into_dyn()).to_vec()).expect("one shape").0[0];
    assert_eq!(sum([1.0, half, half]), 1.0);
    assert_eq!(sum([half, half, 1.0]), 1.0 + 2.0 * half);
}

#[test]
fn one_summand_is_the_sum() {
    let x = summands(&[2, 3, 2, 2], 1);
    let (y, cache) = forward(x.clone()).expect("one shape");
    assert_eq!(y, x[0]);
    assert_eq!(backward(&cache, y.clone()), [y]);
}

#[test]
fn gradients() {
    for (shape, count) in [(&[2, 3][..], 2), (&[2, 2, 3, 2], 3)] {
        let xs = summands(shape, count);
        let dy: ArrayD<f64> = Random::new(4).away_from_zero(IxDyn(shape));
        let (_, cache) = forward(xs.clone()).expect("one shape");
        let dxs = backward(&cache, dy.clone());
        assert_eq!(dxs.len(), count);
        for (i, dx) in dxs.iter().enumerate() {
            let loss = |values: &[f64]| {
                let mut xs = xs.clone();
                xs[i] = ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).expect("as many");
                weighted_sum(&forward(xs).expect("one shape").0, &dy)
            };
            assert_gradient("add", &format!("x{i} of {shape:?}"), 1e-3, &xs[i].to_tensor().values, dx, loss);
        }
    }
}

#[test]
fn shapes_that_differ_are_refused() {
    let of = |shape: &[usize]| ArrayD::<f32>::zeros(shape);
    assert_error(forward::<f32>(Vec::new()), &["tensor x", "at least one summand", "none"]);
    // Neither is broadcast to the other's shape.
    for (first, second) in [([2, 3, 4, 4], [2, 3, 4, 1]), ([2, 3, 4, 4], [1, 3, 4, 4]), ([2, 1, 4, 4], [2, 3, 4, 4])] {
        let seen = format!("{second:?}");
        assert_error(forward(vec![of(&first), of(&second)]), &["tensor x", &format!("{first:?}"), &seen]);
        assert_error(forward(vec![of(&first), of(&first), of(&second)]), &["tensor x", &seen]);
    }
    assert_error(forward(vec![of(&[2, 3]), of(&[2, 3, 1, 1])]), &["tensor x", "[2, 3]", "[2, 3, 1, 1]"]);
}

#[test]
fn nan_and_opposite_infinities_give_nan() {
    let (y, _) = forward(vec![array![f32::NAN, f32::INFINITY].into_dyn(), array![1.0, f32::NEG_INFINITY].into_dyn()])
        .expect("one shape");
    assert!(y[0].is_nan() && y[1].is_nan());
}

#[test]
fn the_same_bits_at_any_thread_count() {
    let xs = summands(&[5, 7, 13, 11], 3);
    assert_same_bits_at_any_thread_count("add", || vec![forward(xs.clone()).expect("one shape").0.to_tensor()]);
}
