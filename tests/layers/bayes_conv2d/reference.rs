//! The kernels against the definition, and the same bits at any thread count.

use approx::assert_relative_eq;
use ndarray::{Array1, Array4, Dimension};
use spikeslab::layers::bayes_conv2d::{BayesConv2d, Gradients};
use spikeslab::scalar::Real;
use spikeslab::tensor::im2col::Window;
use spikeslab::tensor::noise::{Philox, Purpose};

/// A layer and what it is evaluated on.
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

fn normal<F: Real>(shape: [usize; 4], seed: u64) -> Array4<F> {
    Philox::new(seed, Purpose::Layer(0), 0).standard_normal(shape)
}

fn case<F: Real>((x, outputs, groups, [kernel, stride, padding, dilation]): Shape) -> Case<F> {
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

impl<F: Real> Case<F> {
    fn layer(&self) -> BayesConv2d<'_, F> {
        BayesConv2d {
            theta: self.theta.view(),
            log_sigma2: self.log_sigma2.view(),
            bias: Some(self.bias.view()),
            window: self.window,
            groups: self.groups,
        }
    }
}

/// Agreement to `tolerance` of the largest element.
fn assert_close<F: Real, D: Dimension>(fast: &ndarray::Array<F, D>, slow: &ndarray::Array<F, D>, tolerance: f64) {
    assert_eq!(fast.shape(), slow.shape());
    let largest = slow.iter().fold(0.0, |largest: f64, x| largest.max(x.as_f64().abs()));
    for (fast, slow) in fast.iter().zip(slow) {
        assert_relative_eq!(fast.as_f64(), slow.as_f64(), epsilon = tolerance * largest, max_relative = 0.0);
    }
}

fn assert_gradients_close<F: Real>(fast: &Gradients<F>, slow: &Gradients<F>, tolerance: f64) {
    assert_close(&fast.dtheta, &slow.dtheta, tolerance);
    assert_close(&fast.dbias, &slow.dbias, tolerance);
    assert_eq!(fast.dlog_sigma2.is_some(), slow.dlog_sigma2.is_some());
    for (fast, slow) in fast.dlog_sigma2.iter().zip(&slow.dlog_sigma2) {
        assert_close(fast, slow, tolerance);
    }
    assert_close(fast.dx.as_ref().unwrap(), slow.dx.as_ref().unwrap(), tolerance);
}

fn check<F: Real>(tolerance: f64) {
    for shape in SHAPES {
        let case = case::<F>(shape);
        let layer = case.layer();
        let (m, v) = layer.moments(case.x.view()).unwrap();
        let (m_slow, v_slow) = layer.moments_reference(case.x.view()).unwrap();
        assert_close(&m, &m_slow, tolerance);
        assert_close(&v, &v_slow, tolerance);
        assert_close(&layer.mean(case.x.view()).unwrap(), &m_slow, tolerance);

        let eps = normal::<F>(m.shape().try_into().unwrap(), 5);
        let dy = normal::<F>(m.shape().try_into().unwrap(), 6);
        let expected = &m_slow + &(v_slow.mapv(|v| (v + F::of(1e-6)).sqrt()) * &eps);
        let (y, cache) = layer.forward_sampled(case.x.clone(), eps).unwrap();
        assert_close(&y, &expected, tolerance);
        let slow = layer.backward_reference(&cache, dy.view());
        let fast = layer.backward(&cache, dy.view(), true);
        assert_gradients_close(&fast, &slow, tolerance);
        let without_dx = layer.backward(&cache, dy.view(), false);
        assert!(without_dx.dx.is_none());
        assert_eq!(without_dx.dtheta, fast.dtheta);
        assert_eq!(without_dx.dlog_sigma2, fast.dlog_sigma2);

        let (y, cache) = layer.forward_mean(case.x.clone()).unwrap();
        assert_close(&y, &m_slow, tolerance);
        let slow = layer.backward_reference(&cache, dy.view());
        assert_gradients_close(&layer.backward(&cache, dy.view(), true), &slow, tolerance);
    }
}

#[test]
fn kernels_agree_with_the_definition_in_f64() {
    check::<f64>(1e-13);
}

#[test]
fn kernels_agree_with_the_definition_in_f32() {
    check::<f32>(1e-5);
}

#[test]
fn thread_count_changes_no_bit() {
    for shape in SHAPES {
        let case = case::<f32>(shape);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let layer = case.layer();
                let (m, _) = layer.moments(case.x.view()).unwrap();
                let eps = normal(m.shape().try_into().unwrap(), 5);
                let (y, cache) = layer.forward_sampled(case.x.clone(), eps).unwrap();
                let d = layer.backward(&cache, y.view(), true);
                (y, d.dx, d.dtheta, d.dlog_sigma2, d.dbias)
            })
        };
        assert_eq!(run(1), run(3));
    }
}
