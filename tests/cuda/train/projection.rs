use crate::common::device::{DevicePrecision, assert_parity, assert_same_bits, device, on_device};
use crate::common::random::Random;
use ndarray::Array1;
use spikeslab::cuda::train::projection as on_gpu;
use spikeslab::train::projection::{project_levels, project_log_sigma2, project_theta, project_theta_within_gap};

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("train::projection {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    const N: usize = 900;
    let mut log_sigma2: Array1<F> = random.uniforms(-13.0, 4.0, N);
    (log_sigma2[0], log_sigma2[1]) = (F::of(-10.0), F::infinity());
    let mut on_gpu_log_sigma2 = on_device(&device, &log_sigma2);
    on_gpu::project_log_sigma2(&mut on_gpu_log_sigma2).expect("it runs");
    project_log_sigma2(log_sigma2.as_slice_mut().expect("standard layout"));
    assert_same_bits("log_sigma2", &on_gpu_log_sigma2, &log_sigma2);

    let gap = F::of(1e-3);
    for (levels, zero) in [
        (vec![-0.2, 0.0, 0.2], Some(1)),
        (vec![1e10, 1e10, 1e9], None),
        (vec![1e10, 1e10, 1e9], Some(2)),
        (vec![0.3, 0.05, -0.2], Some(1)),
        (vec![0.1, 0.1, 0.1, 0.1], None),
        (vec![0.2, -0.2, 0.1, 0.100_1, 0.3], Some(0)),
        (vec![0.2, -0.2, 0.1, 0.100_1, 0.3], Some(4)),
    ] {
        let mut levels: Array1<F> = levels.into_iter().map(F::of).collect();
        let mut on_gpu_levels = on_device(&device, &levels);
        on_gpu::project_levels(&mut on_gpu_levels, zero, 1e-3, false).expect("it runs");
        project_levels(levels.as_slice_mut().expect("standard layout"), zero, gap);
        assert_same_bits("levels", &on_gpu_levels, &levels);
    }

    let mut theta: Array1<F> = random.uniforms(-1.0, 1.0, N);
    let levels: Array1<F> = [-0.2, 0.0, 0.2].into_iter().map(F::of).collect();
    let mut on_gpu_theta = on_device(&device, &theta);
    on_gpu::project_theta(&mut on_gpu_theta, &on_gpu_log_sigma2, &on_device(&device, &levels)).expect("it runs");
    let slice = |x: &Array1<F>| x.as_slice().expect("standard layout").to_vec();
    project_theta(theta.as_slice_mut().expect("standard layout"), &slice(&log_sigma2), &slice(&levels));
    assert_parity("project_theta on the device", "theta", &on_gpu_theta, &theta);

    let mut theta: Array1<F> = random.uniforms(-1.0, 1.0, N);
    theta[0] = F::infinity();
    let mut on_gpu_theta = on_device(&device, &theta);
    on_gpu::project_theta_within_gap(&mut on_gpu_theta, &on_device(&device, &levels)).expect("it runs");
    project_theta_within_gap(theta.as_slice_mut().expect("standard layout"), &slice(&levels));
    assert_same_bits("theta", &on_gpu_theta, &theta);
}

both_precisions!(parity);
