use crate::common::compare::ToTensor;
use crate::common::gradient::{assert_gradient, weighted_sum};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::{assert_error, assert_panics};
use ndarray::{ArrayD, Axis, IxDyn, array};
use spikeslab::layers::concat::{backward, forward};

/// Values of 3, 1 and 2 channels, with the batch size before and the sizes `size` after the channels.
fn parts(batch: usize, size: &[usize]) -> Vec<ArrayD<f64>> {
    let mut random = Random::new(5);
    [3, 1, 2].map(|channels| random.uniforms(-1.0, 1.0, IxDyn(&[&[batch, channels], size].concat()))).to_vec()
}

#[test]
fn channels_one_after_another() {
    let xs = [array![[1.0_f32, 2.0], [3.0, 4.0]].into_dyn(), array![[5.0], [6.0]].into_dyn()];
    let (y, cache) = forward(&xs).expect("they fit");
    assert_eq!(y, array![[1.0, 2.0, 5.0], [3.0, 4.0, 6.0]].into_dyn());
    assert_eq!(backward(&cache, y.view()), xs);
}

#[test]
fn each_element_of_images_is_in_its_place() {
    let xs = parts(2, &[3, 4]);
    let (y, cache) = forward(&xs).expect("they fit");
    assert_eq!(y.shape(), [2, 6, 3, 4]);
    assert!(y.is_standard_layout());
    for (index, value) in y.indexed_iter() {
        let [image, channel, row, column] = [index[0], index[1], index[2], index[3]];
        let (part, channel) = match channel {
            0..3 => (0, channel),
            3 => (1, 0),
            _ => (2, channel - 4),
        };
        assert_eq!(*value, xs[part][[image, channel, row, column]], "{index:?}");
    }
    let dxs = backward(&cache, y.view());
    assert!(dxs.iter().all(|dx| dx.is_standard_layout()));
    assert_eq!(dxs, xs);
}

/// Values in another order in memory, for example from a slice.
#[test]
fn the_layout_in_memory_does_not_matter() {
    let xs = parts(2, &[3, 4]);
    let (expected, _) = forward(&xs).expect("they fit");
    let reversed: Vec<ArrayD<f64>> =
        xs.iter().map(|x| x.t().as_standard_layout().into_owned().reversed_axes()).collect();
    assert!(reversed.iter().all(|x| !x.is_standard_layout()));
    let (y, cache) = forward(&reversed).expect("they fit");
    assert_eq!(y, expected);
    assert!(y.is_standard_layout());
    let mut dy = y.clone();
    dy.invert_axis(Axis(2));
    let dxs = backward(&cache, dy.view());
    assert_eq!(forward(&dxs).expect("they fit").0, dy);
}

#[test]
fn one_value_is_the_whole() {
    let x = parts(2, &[2])[..1].to_vec();
    let (y, cache) = forward(&x).expect("it fits");
    assert_eq!(y, x[0]);
    assert_eq!(backward(&cache, y.view()), x);
}

#[test]
fn gradients() {
    for size in [&[][..], &[2, 3]] {
        let xs = parts(2, size);
        let dy: ArrayD<f64> = Random::new(6).away_from_zero(IxDyn(&[&[2, 6], size].concat()));
        let (_, cache) = forward(&xs).expect("they fit");
        let dxs = backward(&cache, dy.view());
        assert_eq!(dxs.len(), 3);
        for (i, dx) in dxs.iter().enumerate() {
            let loss = |values: &[f64]| {
                let mut xs = xs.clone();
                xs[i] = ArrayD::from_shape_vec(xs[i].raw_dim(), values.to_vec()).expect("as many");
                weighted_sum(&forward(&xs).expect("they fit").0, &dy)
            };
            assert_gradient("concat", &format!("x{i} of {size:?}"), 1e-3, &xs[i].to_tensor().values, dx, loss);
        }
    }
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let of = |shape: &[usize]| ArrayD::<f32>::zeros(shape);
    assert_error(forward::<f32>(&[]), &["tensor x", "differ in their channels alone", "[]"]);
    assert_error(forward(&[of(&[3])]), &["tensor x", "fewer than two axes"]);
    assert_error(forward(&[of(&[2, 3]), of(&[])]), &["tensor x", "fewer than two axes"]);
    for other in [&[1, 3, 4, 4][..], &[2, 3, 4, 5], &[2, 3, 1, 4], &[2, 3, 4], &[2, 3]] {
        let result = forward(&[of(&[2, 3, 4, 4]), of(other)]);
        assert_error(result, &["tensor x", "differ in their channels alone", "[2, 3, 4, 4]", &format!("{other:?}")]);
    }
}

#[test]
fn a_gradient_of_another_shape_panics() {
    let (_, cache) = forward(&parts(2, &[2, 2])).expect("they fit");
    for channels in [5, 7] {
        assert_panics("dy has y's shape", || {
            backward(&cache, ArrayD::<f64>::zeros(IxDyn(&[2, channels, 2, 2])).view())
        });
    }
}

#[test]
fn the_same_bits_at_any_thread_count() {
    let xs = parts(5, &[13, 11]);
    assert_same_bits_at_any_thread_count("concat", || {
        let (y, cache) = forward(&xs).expect("they fit");
        let dxs = backward(&cache, y.view());
        [y].iter().chain(&dxs).map(ToTensor::to_tensor).collect()
    });
}
