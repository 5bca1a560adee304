use crate::common::device::{DevicePrecision, assert_same_bits, device, on_device};
use crate::common::random::Random;
use ndarray::Array1;
use spikeslab::cuda::train::adam as on_gpu;
use spikeslab::train::adam::Adam;

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("train::adam {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    const N: usize = 700;
    let (adam, rate) = (Adam { clip: 0.5, weight_decay: 0.1, ..Adam::default() }, 0.002);
    let mut parameter: Array1<F> = random.bells(N);
    let [mut first, mut second] = [Array1::<F>::zeros(N), Array1::<F>::zeros(N)];
    let mut on_gpu_parameter = on_device(&device, &parameter);
    let mut moments = [&first, &second].map(|moment| on_device(&device, moment));
    for step in 1..=5 {
        let mut gradient: Array1<F> = random.bells(N);
        gradient[0] = F::zero();
        let on_gpu_gradient = on_device(&device, &gradient);
        on_gpu::step(&adam, &mut on_gpu_parameter, &on_gpu_gradient, &mut moments, step, rate).expect("it runs");
        let slices = [&mut parameter, &mut gradient, &mut first, &mut second]
            .map(|x| x.as_slice_mut().expect("standard layout"));
        let [p, g, m, v] = slices;
        adam.step(p, g, m, v, step, rate);
        assert_same_bits("parameter", &on_gpu_parameter, &parameter);
        assert_same_bits("first moment", &moments[0], &first);
        assert_same_bits("second moment", &moments[1], &second);
    }
}

both_precisions!(parity);
