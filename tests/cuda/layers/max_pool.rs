use crate::common::device::{DevicePrecision, assert_same_bits, device, on_device};
use crate::common::random::Random;
use ndarray::Array4;
use spikeslab::cuda::layers::max_pool as on_gpu;
use spikeslab::layers::max_pool;
use spikeslab::tensor::im2col::Window;

/// (B, C, H, W), and the window's kernel and stride: side by side, overlapping, apart, of the whole image.
const SHAPES: [([usize; 4], [usize; 2], [usize; 2]); 6] = [
    ([3, 5, 8, 6], [2, 2], [2, 2]),
    ([2, 3, 9, 7], [3, 2], [1, 1]),
    ([2, 1, 9, 11], [2, 3], [3, 4]),
    ([2, 2, 7, 9], [3, 3], [2, 2]),
    ([4, 3, 5, 5], [5, 5], [5, 5]),
    ([1, 1, 1, 1], [1, 1], [1, 1]),
];

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("layers::max_pool {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    for (shape, kernel, stride) in SHAPES {
        let what = format!("{shape:?}, kernel {kernel:?}, stride {stride:?}");
        let window = Window::new(kernel, stride);
        // Whole numbers: with ties; and a NaN, which is the maximum of its windows.
        let mut x: Array4<F> = random.integers(3, shape);
        let middle = x.len() / 2;
        if middle > 0 {
            x.as_slice_mut().unwrap()[middle] = F::nan();
        }
        let (y, cache) = max_pool::forward(x.view(), &window).unwrap();
        let (y_on_gpu, cache_on_gpu) = on_gpu::forward(&on_device(&device, &x), &window).expect("it runs");
        assert_same_bits(&format!("y, {what}"), &y_on_gpu, &y);
        let dy: Array4<F> = random.bells(y.dim());
        let dx = on_gpu::backward(&cache_on_gpu, &on_device(&device, &dy)).expect("it runs");
        assert_same_bits(&format!("dx, {what}"), &dx, &max_pool::backward(&cache, dy.view()));
    }
}

#[test]
fn parity_f32() {
    parity::<f32>();
}

#[test]
fn parity_f64() {
    parity::<f64>();
}
