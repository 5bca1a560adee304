use crate::common::random::Random;
use ndarray::{Array1, Array4};
use spikeslab::kernels::conv::Conv2d;
use spikeslab::kernels::pooled_activation::PooledActivation;
use spikeslab::tensor::im2col::Window;

/// Odd and even sizes, a single window, a single image.
const SIZES: [(usize, usize, usize, usize); 5] =
    [(3, 6, 24, 24), (11, 4, 8, 8), (2, 3, 7, 10), (3, 2, 5, 71), (1, 3, 3, 3)];

#[test]
fn a_convolution_gets_the_same_gradients_from_a_deferred_gradient() {
    for (seed, (batch, channels, height, width)) in (1..).zip(SIZES) {
        let mut random = Random::new(seed);
        let (gamma, beta): (Array1<f32>, Array1<f32>) = (random.away_from_zero(channels), random.bells(channels));
        let pooled = PooledActivation { gamma: gamma.view(), beta: beta.view(), epsilon: 1e-5 };
        let [theta, log_sigma2] = [(); 2].map(|()| random.bells((channels, 2, 1, 1)));
        let (theta, log_sigma2) = (theta.view(), log_sigma2.view());
        let window = Window::new([1, 1], [1, 1]);
        let conv = Conv2d { theta, log_sigma2, bias: None, window, groups: 1, added_variance: 1e-6 };
        let images: Array4<f32> = random.bells((batch, 2, height, width));
        let (y, dv_per_dy) =
            conv.sampled(images.view(), None, random.bells((batch, channels, height, width))).expect("it fits");
        let (pooled_y, cache, _) = pooled.forward_batch(y).expect("it fits");
        let dy: Array4<f32> = random.bells(pooled_y.dim());
        let (deferred, ..) = pooled.backward(&cache, dy.view());
        let formed = deferred.form();
        let mut seen = Array4::zeros(images.dim());
        let d = conv.backward(images.view(), None, Some(&dv_per_dy), &deferred, Some(seen.view_mut()));
        let mut expected = Array4::zeros(images.dim());
        let of_formed = conv.backward(images.view(), None, Some(&dv_per_dy), &formed.view(), Some(expected.view_mut()));
        assert_eq!(seen, expected);
        assert_eq!((d.dtheta, d.dlog_sigma2, d.dbias), (of_formed.dtheta, of_formed.dlog_sigma2, of_formed.dbias));
    }
}
