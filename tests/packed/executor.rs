//! Prediction of a single image, whose large layers are divided among the threads; and networks of the library's user.

use super::{initialized, packed};
use crate::common::Dtype;
use crate::common::compare::{ToTensor, assert_close};
use crate::common::networks::preset;
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use ndarray::{Array4, Axis};
use rayon::prelude::*;
use spikeslab::nets::{Given, Graph, Network, WeightMode};
use spikeslab::packed::{Executor, PackedModel};

/// Networks large enough for a team of threads, their packed models, and images.
fn large() -> Vec<(Network<f32>, PackedModel, Array4<f32>)> {
    let networks = [
        ("lenet-caffe", [1, 28, 28]),
        // Images whose rows do not fill whole vectors.
        ("densenet:depth=16,growth=6,bottleneck=true,compression=0.5", [3, 36, 37]),
    ];
    let of = |(name, input): (&str, [usize; 3])| {
        let network = initialized(preset(name, input), 4, 3);
        assert!(network.graph().multiplications().sum::<usize>() > 1 << 21, "a single thread would do");
        let model = PackedModel::new(name, &network, None);
        (network, model, Random::new(7).bells((6, input[0], input[1], input[2])))
    };
    networks.map(of).into()
}

/// One of the images.
fn single(x: &Array4<f32>, i: usize) -> Array4<f32> {
    x.index_axis(Axis(0), i).insert_axis(Axis(0)).to_owned()
}

#[test]
fn the_same_bits_at_any_thread_count() {
    for (_, model, x) in large() {
        let predict = || (0..2).map(|i| model.predict(single(&x, i)).unwrap().to_tensor()).collect();
        assert_same_bits_at_any_thread_count(&model.name, predict);
    }
}

/// The number of threads determines the groups of images; of 33 images, one group may be a single image.
#[test]
fn the_same_bits_at_any_thread_count_however_groups_are_cut() {
    for levels in [3, 4, 16] {
        let model = PackedModel::new("lenet5", &initialized(preset("lenet5", [1, 28, 28]), levels, 5), None);
        let x = Random::new(7).bells((33, 1, 28, 28));
        let predict = || vec![model.predict(x.clone()).unwrap().to_tensor()];
        assert_same_bits_at_any_thread_count(&format!("{levels} levels"), predict);
    }
}

#[test]
fn one_image_at_a_time_gives_what_all_together_give() {
    for (network, model, x) in large() {
        let expected = network.predict(x.clone(), &WeightMode::Quantized).unwrap();
        for i in 0..x.dim().0 {
            let logits = model.predict(single(&x, i)).unwrap();
            let expected = expected.index_axis(Axis(0), i).insert_axis(Axis(0));
            let what = format!("{}, image {i}", model.name);
            assert_close(&what, &logits, &expected, tolerance("packed", Dtype::F32, Check::Reference));
        }
    }
}

/// Each prediction keeps threads waiting for its tasks, while the others do the same.
#[test]
fn images_one_by_one_on_all_threads_at_once() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().expect("a pool");
    for (_, model, x) in large() {
        let outside = model.predict(single(&x, 0)).unwrap();
        pool.install(|| {
            (0..100).into_par_iter().for_each(|_| assert_eq!(model.predict(single(&x, 0)).unwrap(), outside));
        });
    }
}

/// Max pooling after a convolution and alone, with windows of several sizes, which leave a rest of rows and columns.
#[test]
fn max_pooling_wherever_it_stands() {
    let text = "input 2x33x30
        max-pool 1x2
        conv 14 3x2 pad 1x0
        norm
        relu
        max-pool 3x2
        max-pool 2x1
        conv 5 2x2
        max-pool 2x2
        flatten
        dense 10 bias";
    let network = initialized(Graph::parse("pools", text, Given::default()).unwrap(), 4, 3);
    let model = PackedModel::new("pools", &network, None);
    let x: Array4<f32> = Random::new(7).bells((5, 2, 33, 30));
    let expected = network.predict(x.clone(), &WeightMode::Quantized).unwrap();
    let tolerance = tolerance("packed", Dtype::F32, Check::Reference);
    assert_close("all together", &model.predict(x.clone()).unwrap(), &expected, tolerance);
    let one = expected.index_axis(Axis(0), 3).insert_axis(Axis(0));
    assert_close("one image", &model.predict(single(&x, 3)).unwrap(), &one, tolerance);
}

/// A NaN in one pixel makes one element of a pooling window NaN, each of the four elements in turn.
#[test]
fn what_is_not_a_number_stays_so() {
    let model = packed("lenet5", 3, 28);
    for corner in [[0, 0], [0, 27], [27, 0], [27, 27]] {
        let mut x = Array4::zeros((1, 1, 28, 28));
        assert!(model.predict(x.clone()).unwrap().iter().all(|logit| logit.is_finite()));
        x[[0, 0, corner[0], corner[1]]] = f32::NAN;
        assert!(model.predict(x).unwrap().iter().all(|logit| logit.is_nan()), "{corner:?}");
    }
}

/// An executor's buffers hold numbers of earlier images, here NaN; they do not change a later prediction.
#[test]
fn nothing_is_left_of_earlier_images() {
    for (_, model, x) in large() {
        let executor = Executor::new(&model);
        executor.predict(Array4::from_elem(x.dim(), f32::NAN)).unwrap();
        for count in [x.dim().0, 1, 3, x.dim().0] {
            let x = x.slice(ndarray::s![..count, .., .., ..]).to_owned();
            assert_eq!(executor.predict(x.clone()).unwrap(), model.predict(x).unwrap(), "{}, {count}", model.name);
        }
    }
}
