//! Compares the kernel with the definition, and checks that it returns the same bits with any number of threads.

use crate::common::Precision;
use crate::common::compare::{ToTensor, assert_close};
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use ndarray::{Array1, Array4};
use spikeslab::kernels::Way;
use spikeslab::layers::V0;
use spikeslab::layers::bayes_conv2d::{BayesConv2d, Gradients};
use spikeslab::tensor::im2col::Window;
use spikeslab::tensor::noise::{Philox, Purpose};

/// A layer, its input, and the gradient that arrives.
struct Case<F> {
    theta: Array4<F>,
    log_sigma2: Array4<F>,
    bias: Array1<F>,
    window: Window,
    groups: usize,
    x: Array4<F>,
}

/// (batch, C, H, W), O, groups, and the window's kernel, stride, padding and dilation.
type Shape = ([usize; 4], usize, usize, [[usize; 2]; 4]);

const SHAPES: [Shape; 9] = [
    ([9, 1, 28, 28], 6, 1, [[5, 5], [1, 1], [0, 0], [1, 1]]),
    ([9, 6, 12, 12], 16, 1, [[5, 5], [1, 1], [0, 0], [1, 1]]),
    ([2, 7, 9, 11], 13, 1, [[3, 3], [1, 1], [1, 1], [1, 1]]),
    ([3, 4, 8, 10], 6, 2, [[3, 2], [2, 3], [2, 1], [1, 1]]),
    ([1, 6, 9, 9], 6, 6, [[3, 3], [1, 1], [2, 2], [2, 2]]),
    ([2, 3, 11, 13], 5, 1, [[3, 4], [3, 2], [1, 3], [2, 3]]),
    ([17, 2, 4, 4], 1, 1, [[4, 4], [1, 1], [0, 0], [1, 1]]),
    ([2, 5, 6, 6], 20, 1, [[1, 1], [1, 1], [0, 0], [1, 1]]),
    ([1, 1, 1, 1], 2, 1, [[3, 3], [1, 1], [1, 1], [1, 1]]),
];

fn normal<F: Precision>(shape: [usize; 4], seed: u64) -> Array4<F> {
    Philox::new(seed, Purpose::Layer(0), 0).standard_normal(shape)
}

fn case<F: Precision>((x, outputs, groups, [kernel, stride, padding, dilation]): Shape) -> Case<F> {
    let weights = [outputs, x[1] / groups, kernel[0], kernel[1]];
    Case {
        theta: normal(weights, 1),
        log_sigma2: normal(weights, 2),
        bias: normal::<F>([1, 1, 1, outputs], 3).flatten().into_owned(),
        window: Window { kernel, stride, padding, dilation },
        groups,
        x: normal(x, 4),
    }
}

impl<F: Precision> Case<F> {
    fn layer(&self, way: Way) -> BayesConv2d<'_, F> {
        BayesConv2d {
            theta: self.theta.view(),
            log_sigma2: self.log_sigma2.view(),
            bias: Some(self.bias.view()),
            window: self.window,
            groups: self.groups,
            way,
        }
    }
}

/// Compares each gradient with the expected one.
fn assert_gradients_close<F: Precision>(what: &str, fast: &Gradients<F>, slow: &Gradients<F>) {
    let tolerance = tolerance("bayes_conv2d kernels", F::DTYPE, Check::Reference);
    assert_close(&format!("dtheta, {what}"), &fast.dtheta, &slow.dtheta, tolerance);
    assert_close(&format!("dbias, {what}"), &fast.dbias, &slow.dbias, tolerance);
    assert_eq!(fast.dlog_sigma2.is_some(), slow.dlog_sigma2.is_some());
    for (fast, slow) in fast.dlog_sigma2.iter().zip(&slow.dlog_sigma2) {
        assert_close(&format!("dlog_sigma2, {what}"), fast, slow, tolerance);
    }
    assert_close(&format!("dx, {what}"), fast.dx.as_ref().unwrap(), slow.dx.as_ref().unwrap(), tolerance);
}

fn kernels_agree_with_the_definition<F: Precision>() {
    let tolerance = tolerance("bayes_conv2d kernels", F::DTYPE, Check::Reference);
    for shape in SHAPES {
        let what = format!("{shape:?}");
        let case = case::<F>(shape);
        let [layer, definition] = [Way::Kernel, Way::Definition].map(|way| case.layer(way));
        let (m, v) = layer.moments(case.x.view()).unwrap();
        let (m_slow, v_slow) = definition.moments(case.x.view()).unwrap();
        assert_close(&format!("m, {what}"), &m, &m_slow, tolerance);
        assert_close(&format!("v, {what}"), &v, &v_slow, tolerance);
        assert_close(&format!("m alone, {what}"), &layer.mean(case.x.view()).unwrap(), &m_slow, tolerance);

        let eps = normal::<F>(m.shape().try_into().unwrap(), 5);
        let dy = normal::<F>(m.shape().try_into().unwrap(), 6);
        let expected = &m_slow + &(v_slow.mapv(|v| (v + F::of(V0)).sqrt()) * &eps);
        let (y, cache) = layer.forward_sampled(case.x.clone(), eps).unwrap();
        assert_close(&format!("y, {what}"), &y, &expected, tolerance);
        let fast = layer.backward(&cache, dy.view(), true);
        assert_gradients_close(&format!("sampled, {what}"), &fast, &definition.backward(&cache, dy.view(), true));

        let (y, cache) = layer.forward_mean(case.x.clone()).unwrap();
        assert_close(&format!("y with mean weights, {what}"), &y, &m_slow, tolerance);
        let fast = layer.backward(&cache, dy.view(), true);
        assert_gradients_close(&format!("mean, {what}"), &fast, &definition.backward(&cache, dy.view(), true));
    }
}

#[test]
fn kernels_agree_with_the_definition_in_f64() {
    kernels_agree_with_the_definition::<f64>();
}

#[test]
fn kernels_agree_with_the_definition_in_f32() {
    kernels_agree_with_the_definition::<f32>();
}

#[test]
fn the_same_bits_at_any_thread_count_in_every_shape() {
    for shape in SHAPES {
        let case = case::<f32>(shape);
        assert_same_bits_at_any_thread_count(&format!("{shape:?}"), || {
            let layer = case.layer(Way::Kernel);
            let (m, _) = layer.moments(case.x.view()).unwrap();
            let eps = normal(m.shape().try_into().unwrap(), 5);
            let (y, cache) = layer.forward_sampled(case.x.clone(), eps).unwrap();
            let d = layer.backward(&cache, y.view(), true);
            let arrays = [y, d.dx.unwrap(), d.dtheta, d.dlog_sigma2.unwrap()];
            arrays.iter().map(ToTensor::to_tensor).chain([d.dbias.to_tensor()]).collect()
        });
    }
}
