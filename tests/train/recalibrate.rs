use super::{narrow, network, split};
use crate::common::compare::assert_close;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Dtype, assert_error};
use ndarray::{Array1, Axis};
use spikeslab::nets::{Network, Role, WeightMode};
use spikeslab::prior::quantizer::Quantizer;
use spikeslab::train::recalibrate::{images_used, recalibrate};

fn named<'a>(network: &'a Network<f64>, name: &str) -> &'a ndarray::ArrayD<f64> {
    &network.parameters().iter().find(|parameter| parameter.name == name).unwrap().value
}

fn mlp() -> Network<f64> {
    network("mlp", narrow("mlp"), 16)
}

#[test]
fn the_means_over_batches_under_the_weights() {
    let (network, data) = (mlp(), split(30, 1, 16).train);
    let quantizer = Quantizer::new(named(&network, "fc1.levels").as_slice().unwrap());
    let theta = named(&network, "fc1.theta").to_shape((256, 12)).unwrap();
    for (mode, weights) in
        [(WeightMode::Mean, theta.to_owned()), (WeightMode::Quantized, theta.mapv(|theta| quantizer.value(theta)))]
    {
        // 14 of 30 images, evenly spread: three whole batches of four.
        let recalibrated = recalibrate(&network, &data, 14, 4, &mode).unwrap();
        let [mut mean, mut variance] = [Array1::<f64>::zeros(12), Array1::zeros(12)];
        for indices in [[0, 2, 4, 6], [8, 10, 12, 15], [17, 19, 21, 23]] {
            let (x, _) = data.batch::<f64>(&indices);
            let y = x.to_shape((4, 256)).unwrap().dot(&weights);
            mean = mean + y.mean_axis(Axis(0)).unwrap() / 3.0;
            variance = variance + y.var_axis(Axis(0), 1.0) / 3.0;
        }
        for (name, expected) in [("bn1.running_mean", mean), ("bn1.running_var", variance)] {
            let tolerance = tolerance("recalibrate", Dtype::F64, Check::Reference);
            assert_close(name, named(&recalibrated, name), &expected, tolerance);
        }
    }
}

#[test]
fn only_running_statistics_change_and_a_second_time_changes_nothing() {
    for name in ["densenet", "densenet-bottleneck"] {
        let network = network::<f32>(name, narrow(name), 16);
        let data = split(40, 1, 16).train;
        let recalibrated = recalibrate(&network, &data, 40, 8, &WeightMode::Quantized).unwrap();
        for (old, new) in network.parameters().iter().zip(recalibrated.parameters()) {
            let is_statistic = matches!(new.role, Role::RunningMean | Role::RunningVar);
            assert_eq!(old.value != new.value, is_statistic, "{}", new.name);
        }
        assert_eq!(recalibrate(&recalibrated, &data, 40, 8, &WeightMode::Quantized).unwrap(), recalibrated);
        assert_eq!(
            recalibrate(&network, &data, 4000, 8, &WeightMode::Quantized).unwrap(),
            recalibrated,
            "all there are"
        );
    }
}

#[test]
fn whole_batches_are_used_alone() {
    let data = split(10, 1, 16).train;
    let cases = [((10, 4), 8), ((7, 4), 4), ((4000, 4), 8), ((3, 4), 3), ((4000, 64), 10), ((0, 4), 0), ((4, 0), 0)];
    for ((images, batch_size), used) in cases {
        assert_eq!(images_used(&data, images, batch_size), used, "{images} in batches of {batch_size}");
    }
}

#[test]
fn without_images_there_are_no_statistics() {
    let data = split(10, 1, 16).train;
    for (images, batch_size) in [(0, 4), (4, 0)] {
        let seen = recalibrate(&mlp(), &data, images, batch_size, &WeightMode::Mean);
        assert_error(seen, &["recalibrate", "at least one training image"]);
    }
    for (images, batch_size) in [(1, 4), (4, 1)] {
        let seen = recalibrate(&mlp(), &data, images, batch_size, &WeightMode::Mean);
        assert_error(seen, &["recalibrate", "batches of at least 2", "one value a channel", "(saw: 1)"]);
    }
}
