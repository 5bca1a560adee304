use crate::common::Dtype::F64;
use crate::common::compare::{ToTensor, assert_close};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use ndarray::{Array3, Axis};
use spikeslab::tensor::statistics::Statistics;

#[test]
fn statistics_by_the_definition() {
    let tolerance = tolerance("batch_norm", F64, Check::Property);
    let x = Random::new(3).bells::<f64, _>((4, 3, 5));
    let statistics = Statistics::of_batch(x.view());
    for (c, channel) in x.axis_iter(Axis(1)).enumerate() {
        let mean = channel.iter().sum::<f64>() / 20.0;
        let biased = channel.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20.0;
        assert_close("mean", &statistics.mean[c], &mean, tolerance);
        assert_close("biased variance", &statistics.variance[c], &biased, tolerance);
    }
}

/// Many channels with few values, and few channels with many values.
#[test]
fn the_same_bits_at_any_thread_count() {
    for shape in [(3, 150, 1), (9, 20, 13), (2, 5, 4000)] {
        let x: Array3<f32> = Random::new(4).bells(shape);
        assert_same_bits_at_any_thread_count("statistics", || {
            let Statistics { mean, variance } = Statistics::of_batch(x.view());
            vec![mean.to_tensor(), variance.to_tensor()]
        });
    }
}
