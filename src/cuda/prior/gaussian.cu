// The KL from N(θ, σ²) to N(μ₀, σ₀²); no levels.
struct Gaussian {
    WeightKl kl;

    __device__ Gaussian(real theta, real log_sigma2, const Prior &prior)
        : kl(gaussian_kl(theta, log_sigma2, prior.ratio_or_mean, prior.prior_log_sigma2)) {}

    __device__ real dlevel(u32, const Prior &) const { return 0; }
};

KL_KERNEL(Gaussian)
