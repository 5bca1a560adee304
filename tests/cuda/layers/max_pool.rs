use crate::common::assert_error;
use crate::common::device::{DevicePrecision, assert_same_bits, device, on_device};
use crate::common::random::Random;
use ndarray::Array4;
use spikeslab::cuda::layers::max_pool as on_gpu;
use spikeslab::layers::max_pool;
use spikeslab::layers::pool::Pool;

/// (B, C, H, W), and the window's kernel and stride: windows side by side, overlapping, with gaps, and of the whole
/// image.
const SHAPES: [([usize; 4], [usize; 2], [usize; 2]); 6] = [
    ([3, 5, 8, 6], [2, 2], [2, 2]),
    ([2, 3, 9, 7], [3, 2], [1, 1]),
    ([2, 1, 9, 11], [2, 3], [3, 4]),
    ([2, 2, 7, 9], [3, 3], [2, 2]),
    ([4, 3, 5, 5], [5, 5], [5, 5]),
    ([1, 1, 1, 1], [1, 1], [1, 1]),
];

/// Poolings with padding, with an incomplete last window, and with windows that contain the whole image and more.
const PADDED: [([usize; 4], Pool); 5] = [
    ([2, 3, 8, 9], Pool { kernel: [3, 3], stride: [2, 2], padding: [1, 1], ceil_mode: false, count_include_pad: true }),
    ([2, 3, 8, 9], Pool { kernel: [3, 3], stride: [2, 2], padding: [1, 1], ceil_mode: true, count_include_pad: false }),
    ([1, 2, 7, 6], Pool { kernel: [4, 2], stride: [3, 5], padding: [2, 0], ceil_mode: true, count_include_pad: true }),
    (
        [1, 2, 2, 3],
        Pool { kernel: [6, 8], stride: [1, 1], padding: [3, 4], ceil_mode: false, count_include_pad: false },
    ),
    ([2, 1, 2, 2], Pool { kernel: [3, 4], stride: [2, 3], padding: [0, 0], ceil_mode: true, count_include_pad: true }),
];

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("layers::max_pool {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    let plain = SHAPES.map(|(shape, kernel, stride)| (shape, Pool::new(kernel, stride)));
    for (shape, pool) in plain.into_iter().chain(PADDED) {
        let what = format!("{shape:?}, {pool:?}");
        // Whole numbers, so that there are ties; and a NaN, which is the maximum of its windows.
        let mut x: Array4<F> = random.integers(3, shape);
        let middle = x.len() / 2;
        if middle > 0 {
            x.as_slice_mut().unwrap()[middle] = F::nan();
        }
        let (y, cache) = max_pool::forward(x.view(), &pool).unwrap();
        let (y_on_gpu, cache_on_gpu) = on_gpu::forward(&on_device(&device, &x), &pool).expect("it runs");
        assert_same_bits(&format!("y, {what}"), &y_on_gpu, &y);
        let dy: Array4<F> = random.bells(y.dim());
        let dx = on_gpu::backward(&cache_on_gpu, &on_device(&device, &dy)).expect("it runs");
        assert_same_bits(&format!("dx, {what}"), &dx, &max_pool::backward(&cache, dy.view()));
    }
    let huge = Pool { padding: [1 << 30; 2], ..Pool::new([1 << 31; 2], [1, 1]) };
    let refused = on_gpu::forward(&on_device(&device, &Array4::<F>::zeros((1, 1, 2, 2))), &huge);
    assert_error(refused, &["window", "below 2^30 on a device"]);
}

both_precisions!(parity);
