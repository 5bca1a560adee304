use crate::common::device::{DevicePrecision, assert_same_bits, device, on_device};
use crate::common::random::Random;
use ndarray::Array1;
use spikeslab::cuda::train::objective::add_scaled;

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("train::objective {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    let (gradient, addend): (Array1<F>, Array1<F>) = (random.bells(900), random.bells(900));
    let scale = F::of(0.3);
    let mut sum = on_device(&device, &gradient);
    add_scaled(&mut sum, scale, &on_device(&device, &addend)).expect("it runs");
    let expected: Array1<F> = gradient.iter().zip(&addend).map(|(sum, addend)| *sum + scale * *addend).collect();
    assert_same_bits("gradient", &sum, &expected);
}

both_precisions!(parity);
