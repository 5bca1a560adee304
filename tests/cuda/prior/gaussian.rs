use super::assert_kl;
use crate::common::device::DevicePrecision;
use spikeslab::prior::{Codebook, Gaussian, Prior};

fn parity<F: DevicePrecision>() {
    let codebook = Codebook::<F>::symmetric(3).expect("three levels");
    for gaussian in [Gaussian::default(), Gaussian { mean: 0.1, log_sigma2: -2.0 }] {
        assert_kl(&Prior::Gaussian(gaussian), "gaussian", &codebook, 1);
    }
}

both_precisions!(parity);
