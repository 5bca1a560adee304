// F = min_k [D(t_k) − ln a_k], ties to the lower index.
struct Nearest {
    WeightKl kl;
    u32 best;

    __device__ Nearest(real theta, real log_sigma2, const Prior &prior) {
        Sigma sigma = sigma_of(log_sigma2);
        u32 closest = 0;
        real distance = c_abs(theta - prior.levels[0]);
        for (u32 k = 1; k < prior.count; k++) {
            real other = c_abs(theta - prior.levels[k]);
            if (other < distance) {
                closest = k;
                distance = other;
            }
        }
        best = closest;
        kl = spike_kl(prior.spike, theta, sigma, prior.levels[closest]);
        // D increases with t, so only a level with a smaller cost can have a smaller sum than the closest level.
        for (u32 k = 0; k < prior.count; k++) {
            if (!(prior.costs[k] < prior.costs[closest])) continue;
            WeightKl other = spike_kl(prior.spike, theta, sigma, prior.levels[k]);
            real cost = other.value + prior.costs[k], best_cost = kl.value + prior.costs[best];
            if (cost < best_cost || (cost == best_cost && k < best)) {
                best = k;
                kl = other;
            }
        }
        kl.value += prior.costs[best];
    }

    __device__ real dlevel(u32 k, const Prior &) const { return k == best ? -kl.dtheta : (real)0; }
};

KL_KERNEL(Nearest)
