// F = − ln Σ_k a_k e^{−D(t_k)}.
struct Mixture {
    WeightKl kl;
    Sigma sigma;
    real theta, lowest, sum;

    __device__ WeightKl to(u32 k, const Prior &prior) const {
        return spike_kl(prior.spike, theta, sigma, prior.levels[k]);
    }

    // e^{−D_k} a_k divided by the largest of these.
    __device__ real share(const WeightKl &spike, u32 k, const Prior &prior) const {
        return c_exp(lowest - (spike.value + prior.costs[k]));
    }

    __device__ Mixture(real theta, real log_sigma2, const Prior &prior)
        : sigma(sigma_of(log_sigma2)), theta(theta), lowest(infinity(theta)), sum(0) {
        for (u32 k = 0; k < prior.count; k++) {
            real cost = to(k, prior).value + prior.costs[k];
            lowest = cost < lowest ? cost : lowest;
        }
        for (u32 k = 0; k < prior.count; k++) sum += share(to(k, prior), k, prior);
        kl = WeightKl{lowest - c_ln(sum), 0, 0};
        for (u32 k = 0; k < prior.count; k++) {
            WeightKl spike = to(k, prior);
            real responsibility = share(spike, k, prior) / sum;
            kl.dtheta += responsibility * spike.dtheta;
            kl.dlog_sigma2 += responsibility * spike.dlog_sigma2;
        }
    }

    __device__ real dlevel(u32 k, const Prior &prior) const {
        WeightKl spike = to(k, prior);
        return -(share(spike, k, prior) / sum * spike.dtheta);
    }
};

KL_KERNEL(Mixture)
