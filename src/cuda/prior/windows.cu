// F = Σ_k Ω_k D(t_k).
struct Windows {
    WeightKl kl;
    Sigma sigma;
    real theta;

    __device__ Windows(real theta, real log_sigma2, const Prior &prior)
        : sigma(sigma_of(log_sigma2)), theta(theta) {
        kl = WeightKl{0, 0, 0};
        for (u32 k = 0; k < prior.count; k++) {
            WeightKl one = spike_kl(prior.spike, theta, sigma, prior.levels[k]);
            Window of_k = window(theta, prior.levels[k], prior.ratio_or_mean);
            add_scaled(kl, of_k.value, one);
            kl.dtheta += of_k.dtheta * one.value;
        }
    }

    __device__ real dlevel(u32 k, const Prior &prior) const {
        WeightKl one = spike_kl(prior.spike, theta, sigma, prior.levels[k]);
        Window of_k = window(theta, prior.levels[k], prior.ratio_or_mean);
        return of_k.dlevel * one.value - of_k.value * one.dtheta;
    }
};

KL_KERNEL(Windows)
