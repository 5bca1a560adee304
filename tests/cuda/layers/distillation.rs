use crate::common::assert_error;
use crate::common::device::{DevicePrecision, assert_parity, device, on_device};
use crate::common::random::Random;
use ndarray::Array2;
use spikeslab::cuda::layers::distillation as on_gpu;
use spikeslab::layers::distillation;

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("layers::distillation {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    // Few rows; more rows than a block has threads; a teacher that gives classes a probability of 0.
    for (batch, classes, size, share) in
        [(3, 10, 2.0, 1.0), (300, 5, 2.0, 0.5), (2, 3, 300.0, 1.0), (7, 1, 1.0, 0.25), (4, 6, 2.0, 0.0)]
    {
        let what = format!("{batch} rows of {classes}, share {share}");
        let [logits, teacher_logits] = [(); 2].map(|()| random.uniforms::<F, _>(-size, size, (batch, classes)));
        let labels: Vec<usize> = (0..batch).map(|b| b * 7 % classes).collect();
        let (value, cache) =
            distillation::forward(logits.view(), teacher_logits.view(), &labels, share).expect("it fits");
        let [x, u] = [&logits, &teacher_logits].map(|logits| on_device(&device, logits));
        let (values, cache_on_gpu) = on_gpu::forward(&x, &u, &labels, share).expect("it runs");
        assert_parity("softmax_nll", &format!("loss and nll, {what}"), &values, &[value.loss, value.nll]);
        let dlogits = on_gpu::backward(&cache_on_gpu).expect("it runs");
        assert_parity("softmax_nll", &format!("dlogits, {what}"), &dlogits, &distillation::backward(&cache));
    }
    let zeros = |shape| on_device(&device, &Array2::<F>::zeros(shape));
    let (logits, other) = (zeros((2, 3)), zeros((2, 4)));
    assert_error(on_gpu::forward(&logits, &logits, &[0, 3], 0.5), &["labels", "below 3"]);
    assert_error(on_gpu::forward(&logits, &other, &[0, 1], 0.5), &["teacher_logits", "[2, 3]", "[2, 4]"]);
    assert_error(on_gpu::forward(&logits, &logits, &[0, 1], 2.0), &["teacher-share", "a number from 0 to 1", "2"]);
}

both_precisions!(parity);
