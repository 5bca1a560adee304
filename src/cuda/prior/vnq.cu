// F = D(t_zero) + Σ_{ℓ_k≠0} Ω_k [D(t_k) − D(t_zero)].
struct Vnq {
    WeightKl kl, at_zero;
    Sigma sigma;
    real theta, remainder;

    __device__ WeightKl to(u32 k, const Prior &prior) const {
        return spike_kl(prior.spike, theta, sigma, prior.levels[k]);
    }

    __device__ Vnq(real theta, real log_sigma2, const Prior &prior)
        : sigma(sigma_of(log_sigma2)), theta(theta), remainder(1) {
        at_zero = to(prior.zero, prior);
        kl = at_zero;
        for (u32 k = 0; k < prior.count; k++) {
            if (k == prior.zero) continue;
            WeightKl one = to(k, prior);
            Window of_k = window(theta, prior.levels[k], prior.ratio_or_mean);
            WeightKl excess = {one.value - at_zero.value, one.dtheta - at_zero.dtheta,
                               one.dlog_sigma2 - at_zero.dlog_sigma2};
            add_scaled(kl, of_k.value, excess);
            kl.dtheta += of_k.dtheta * excess.value;
            remainder -= of_k.value;
        }
    }

    __device__ real dlevel(u32 k, const Prior &prior) const {
        if (k == prior.zero) return -(remainder * at_zero.dtheta);
        WeightKl one = to(k, prior);
        Window of_k = window(theta, prior.levels[k], prior.ratio_or_mean);
        return of_k.dlevel * (one.value - at_zero.value) - of_k.value * one.dtheta;
    }
};

KL_KERNEL(Vnq)
