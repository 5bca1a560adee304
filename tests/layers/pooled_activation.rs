use crate::common::compare::{ToTensor, assert_close};
use crate::common::gradient::{assert_gradient, weighted_sum};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_error, assert_panics};
use ndarray::{Array1, Array3, Array4, array};
use spikeslab::kernels::Way;
use spikeslab::layers::batch_norm::{BatchNorm, Statistics};
use spikeslab::layers::pool::Pool;
use spikeslab::layers::pooled_activation::{Gradients, PooledActivation};
use spikeslab::layers::{max_pool, relu};

struct Problem<F> {
    x: Array4<F>,
    gamma: Array1<F>,
    beta: Array1<F>,
    dy: Array4<F>,
    way: Way,
}

impl<F: Precision> Problem<F> {
    fn new((batch, channels, height, width): (usize, usize, usize, usize), seed: u64, way: Way) -> Self {
        let mut random = Random::new(seed);
        Self {
            x: random.bells((batch, channels, height, width)),
            gamma: random.away_from_zero(channels),
            beta: random.bells(channels),
            dy: random.bells((batch, channels, height / 2, width / 2)),
            way,
        }
    }

    fn norm(&self) -> BatchNorm<'_, F> {
        BatchNorm { gamma: self.gamma.view(), beta: self.beta.view(), epsilon: F::of(1e-5), way: self.way }
    }

    fn by_channel(&self) -> Array3<F> {
        let (batch, channels, height, width) = self.x.dim();
        self.x.clone().into_shape_with_order((batch, channels, height * width)).expect("as many pixels")
    }

    fn run(&self, batch_statistics: bool) -> (Array4<F>, Gradients<F>) {
        let pooled = PooledActivation { norm: self.norm() };
        let (y, cache) = if batch_statistics {
            let (y, cache, statistics) = pooled.forward_batch(self.x.clone()).expect("it fits");
            assert_eq!(statistics, self.norm().forward_batch(self.by_channel()).expect("it fits").2);
            (y, cache)
        } else {
            pooled.forward_running(self.x.clone(), &Statistics::of_batch(self.by_channel().view())).expect("it fits")
        };
        (y, pooled.backward(&cache, self.dy.view()))
    }

    /// Computes the operation with the layers that it consists of, one after the other.
    fn one_by_one(&self, batch_statistics: bool) -> (Array4<F>, Gradients<F>) {
        let norm = BatchNorm { way: Way::Definition, ..self.norm() };
        let (normalized, norm_cache) = if batch_statistics {
            let (y, cache, _) = norm.forward_batch(self.by_channel()).expect("it fits");
            (y, cache)
        } else {
            let statistics = Statistics::of_batch(self.by_channel().view());
            norm.forward_running(self.by_channel(), &statistics).expect("it fits")
        };
        let (activated, relu_cache) = relu::forward(normalized);
        let activated = activated.into_shape_with_order(self.x.dim()).expect("as many pixels");
        let (y, pool_cache) = max_pool::forward(activated.view(), &Pool::new([2, 2], [2, 2])).expect("it fits");
        let dactivated = max_pool::backward(&pool_cache, self.dy.view());
        let dactivated = dactivated.into_shape_with_order(self.by_channel().dim()).expect("as many pixels");
        let d = norm.backward(&norm_cache, relu::backward(&relu_cache, dactivated));
        let dx = d.dx.into_shape_with_order(self.x.dim()).expect("as many pixels");
        (y, Gradients { dx, dgamma: d.dgamma, dbeta: d.dbeta })
    }
}

/// Images whose rows of windows are one vector, several vectors and parts of vectors, with odd height and width; a
/// single window; a single image.
const SIZES: [(usize, usize, usize, usize); 8] = [
    (3, 6, 24, 24),
    (11, 4, 8, 8),
    (2, 3, 7, 10),
    (2, 3, 6, 11),
    (3, 2, 5, 71),
    (2, 2, 4, 32),
    (5, 1, 2, 2),
    (1, 3, 3, 3),
];

fn assert_equals_the_layers<F: Precision>(way: Way) {
    let tolerance = tolerance("pooled_activation", F::DTYPE, Check::Reference);
    for (seed, size) in (1..).zip(SIZES) {
        for batch_statistics in [true, false] {
            let problem = Problem::<F>::new(size, seed, way);
            let ((y, seen), (expected_y, expected)) =
                (problem.run(batch_statistics), problem.one_by_one(batch_statistics));
            let what = |name: &str| format!("{name}, {size:?}, batch statistics: {batch_statistics}");
            assert_close(&what("y"), &y, &expected_y, tolerance);
            assert_close(&what("dx"), &seen.dx, &expected.dx, tolerance);
            assert_close(&what("dgamma"), &seen.dgamma, &expected.dgamma, tolerance);
            assert_close(&what("dbeta"), &seen.dbeta, &expected.dbeta, tolerance);
        }
    }
}

fn normalization_relu_and_max_pooling_one_after_the_other_give_the_same(way: Way) {
    assert_equals_the_layers::<f64>(way);
    assert_equals_the_layers::<f32>(way);
}

fn gradients(way: Way) {
    for batch_statistics in [true, false] {
        let problem = Problem::<f64>::new((3, 2, 4, 5), 7, way);
        let (_, d) = problem.run(batch_statistics);
        let loss = |x: Array4<f64>, gamma: &[f64], beta: &[f64]| {
            let statistics = Statistics::of_batch(problem.by_channel().view());
            let (gamma, beta) = (Array1::from(gamma.to_vec()), Array1::from(beta.to_vec()));
            let norm = BatchNorm { gamma: gamma.view(), beta: beta.view(), epsilon: 1e-5, way };
            let pooled = PooledActivation { norm };
            let y = if batch_statistics {
                pooled.forward_batch(x).expect("it fits").0
            } else {
                pooled.forward_running(x, &statistics).expect("it fits").0
            };
            weighted_sum(&y, &problem.dy)
        };
        let what = |name: &str| format!("{name}, batch statistics: {batch_statistics}");
        let (x, dim) = (problem.x.as_slice().expect("standard layout"), problem.x.dim());
        let (gamma, beta) = (problem.gamma.as_slice().expect("a row"), problem.beta.as_slice().expect("a row"));
        let images = |x: &[f64]| Array4::from_shape_vec(dim, x.to_vec()).expect("as many pixels");
        let gradient = |name: &str, at: &[f64], analytic: &[f64], f: &dyn Fn(&[f64]) -> f64| {
            assert_gradient("pooled_activation", &what(name), 1e-4, at, analytic, f);
        };
        gradient("dx", x, d.dx.as_slice().expect("standard layout"), &|x| loss(images(x), gamma, beta));
        gradient("dgamma", gamma, d.dgamma.as_slice().expect("a row"), &|gamma| loss(problem.x.clone(), gamma, beta));
        gradient("dbeta", beta, d.dbeta.as_slice().expect("a row"), &|beta| loss(problem.x.clone(), gamma, beta));
    }
}

/// y and dx of one window whose normalized values are x, with dy = 3.
fn of_a_window(x: [f64; 4], way: Way) -> (f64, Vec<f64>) {
    let (gamma, beta) = (array![1.0], array![0.0]);
    let pooled = PooledActivation { norm: BatchNorm { gamma: gamma.view(), beta: beta.view(), epsilon: 0.0, way } };
    let statistics = Statistics { mean: array![0.0], variance: array![1.0] };
    let x = Array4::from_shape_vec((1, 1, 2, 2), x.to_vec()).expect("four values");
    let (y, cache) = pooled.forward_running(x, &statistics).expect("it fits");
    let dx = pooled.backward(&cache, Array4::from_elem((1, 1, 1, 1), 3.0).view()).dx;
    (y[[0, 0, 0, 0]], dx.into_raw_vec_and_offset().0)
}

fn a_tie_goes_to_the_first_element_row_by_row(way: Way) {
    assert_eq!(of_a_window([5.0, 5.0, 5.0, 5.0], way), (5.0, vec![3.0, 0.0, 0.0, 0.0]));
    assert_eq!(of_a_window([1.0, 5.0, 5.0, 5.0], way), (5.0, vec![0.0, 3.0, 0.0, 0.0]));
    assert_eq!(of_a_window([1.0, 2.0, 5.0, 5.0], way), (5.0, vec![0.0, 0.0, 3.0, 0.0]));
    assert_eq!(of_a_window([1.0, 2.0, 4.0, 5.0], way), (5.0, vec![0.0, 0.0, 0.0, 3.0]));
}

fn where_all_is_cut_off_no_gradient_passes(way: Way) {
    assert_eq!(of_a_window([-1.0, -5.0, 0.0, -2.0], way), (0.0, vec![0.0; 4]));
}

fn a_nan_is_the_maximum(way: Way) {
    for at in 0..4 {
        let mut x = [1.0, f64::INFINITY, -2.0, 4.0];
        x[at] = f64::NAN;
        assert!(of_a_window(x, way).0.is_nan(), "{x:?}");
    }
}

fn the_layout_in_memory_does_not_matter(way: Way) {
    let problem = Problem::<f64>::new((2, 3, 6, 5), 4, way);
    let (y, d) = problem.run(true);
    // The same images, with their channels last in memory.
    let permuted = |array: &Array4<f64>| {
        array.view().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned().permuted_axes([0, 3, 1, 2])
    };
    let pooled = PooledActivation { norm: problem.norm() };
    let (seen, cache, _) = pooled.forward_batch(permuted(&problem.x)).expect("it fits");
    assert_eq!(seen, y);
    assert_eq!(pooled.backward(&cache, permuted(&problem.dy).view()).dx, d.dx);
}

fn what_does_not_fit_is_refused(way: Way) {
    let problem = Problem::<f64>::new((2, 3, 4, 4), 3, way);
    let pooled = PooledActivation { norm: problem.norm() };
    let images = |channels: usize, size: usize| Array4::zeros((2, channels, size, size));
    assert_error(pooled.forward_batch(images(2, 4)), &["gamma", "[2]", "[3]"]);
    let small = if way == Way::Kernel { ["at least 2 x 2", "[2, 3, 1, 1]"] } else { ["kernel", "1"] };
    assert_error(pooled.forward_batch(images(3, 1)), &small);
    assert_error(pooled.forward_batch(Array4::zeros((0, 3, 4, 4))), &["x", "at least two values"]);
    let few = Statistics { mean: Array1::zeros(2), variance: Array1::zeros(3) };
    assert_error(pooled.forward_running(images(3, 4), &few), &["[3]", "[2]"]);
    let (_, cache, _) = pooled.forward_batch(images(3, 4)).expect("it fits");
    assert_panics("dy", || pooled.backward(&cache, images(3, 3).view()));
}

fn the_same_bits_at_any_thread_count(way: Way) {
    let problem = Problem::<f32>::new((27, 5, 8, 12), 9, way);
    assert_same_bits_at_any_thread_count("normalization, ReLU and max pooling", || {
        let (y, d) = problem.run(true);
        vec![y.to_tensor(), d.dx.to_tensor(), d.dgamma.to_tensor(), d.dbeta.to_tensor()]
    });
}

both_ways! {
    normalization_relu_and_max_pooling_one_after_the_other_give_the_same,
    gradients,
    a_tie_goes_to_the_first_element_row_by_row,
    where_all_is_cut_off_no_gradient_passes,
    a_nan_is_the_maximum,
    the_layout_in_memory_does_not_matter,
    what_does_not_fit_is_refused,
    the_same_bits_at_any_thread_count,
}
