use crate::common::assert_error;
use crate::common::device::{DevicePrecision, assert_parity, device, on_device};
use crate::common::random::Random;
use ndarray::{Array1, Array2};
use spikeslab::cuda::layers::softmax_nll as on_gpu;
use spikeslab::layers::softmax_nll::{self, Weighting};

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("layers::softmax_nll {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    // Few rows; more rows than a block has threads; a confidence of 1.
    for (batch, classes, size) in [(3, 10, 2.0), (300, 5, 2.0), (1, 2, 300.0), (7, 1, 1.0)] {
        let what = format!("{batch} rows of {classes}");
        let logits: Array2<F> = random.uniforms(-size, size, (batch, classes));
        let labels: Vec<usize> = (0..batch).map(|b| b * 7 % classes).collect();
        let (nll, cache) = softmax_nll::forward(logits.view(), &labels).unwrap();
        let (nll_on_gpu, cache_on_gpu) = on_gpu::forward(&on_device(&device, &logits), &labels).expect("it runs");
        assert_parity("softmax_nll", &format!("nll, {what}"), &nll_on_gpu, &[nll]);
        let dlogits = on_gpu::backward(&cache_on_gpu).expect("it runs");
        assert_parity("softmax_nll", &format!("dlogits, {what}"), &dlogits, &softmax_nll::backward(&cache));
    }
    let weights: Array1<F> = random.uniforms(0.5, 2.0, 5);
    let weighted = Weighting { class_weights: Some(weights.view()), ..Weighting::default() };
    for weighting in [
        weighted,
        Weighting { smoothing: 0.2, ..Weighting::default() },
        Weighting { ignored: Some(3), ..Weighting::default() },
        Weighting { smoothing: 0.1, ignored: Some(usize::MAX), ..weighted },
    ] {
        let logits: Array2<F> = random.uniforms(-3.0, 3.0, (300, 5));
        let ignored = weighting.ignored.unwrap_or(0);
        let labels: Vec<usize> = (0..300).map(|b| if b % 7 == 0 { ignored } else { b * 7 % 5 }).collect();
        let (nll, cache) = weighting.forward(logits.view(), &labels).unwrap();
        let (nll_on_gpu, cache_on_gpu) =
            on_gpu::forward_weighted(&weighting, &on_device(&device, &logits), &labels).expect("it runs");
        assert_parity("softmax_nll", &format!("nll, {weighting:?}"), &nll_on_gpu, &[nll]);
        let dlogits = on_gpu::backward(&cache_on_gpu).expect("it runs");
        assert_parity("softmax_nll", &format!("dlogits, {weighting:?}"), &dlogits, &softmax_nll::backward(&cache));
    }
    // A class of weight 0 does not count, also where its logarithm is −∞.
    let (one, huge) = (F::one(), F::max_value());
    let logits = ndarray::array![[huge, -huge, one], [one, one, one]];
    let weights = ndarray::array![one, F::zero(), one];
    let weighting = Weighting { class_weights: Some(weights.view()), ..Weighting::default() };
    let (nll, _) = weighting.forward(logits.view(), &[1, 0]).unwrap();
    let (nll_on_gpu, _) = on_gpu::forward_weighted(&weighting, &on_device(&device, &logits), &[1, 0]).expect("it runs");
    assert!(nll.is_finite());
    assert_parity("softmax_nll", "nll, a class of weight 0", &nll_on_gpu, &[nll]);
    let logits = on_device(&device, &Array2::<F>::zeros((2, 3)));
    assert_error(on_gpu::forward(&logits, &[0, 3]), &["labels", "below 3"]);
    assert_error(on_gpu::forward(&logits, &[0]), &["labels", "[2]", "[1]"]);
    assert_error(on_gpu::forward(&on_device(&device, &Array2::<F>::zeros((0, 3))), &[]), &["logits", "none"]);
}

both_precisions!(parity);
