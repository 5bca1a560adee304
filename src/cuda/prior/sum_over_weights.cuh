// The sum of a form's KL over the weights of a layer, one thread per weight: prior::weight_form on the device. A Form is
// constructed from one weight: `kl` is the weight's KL, `dlevel(k)` the derivative with respect to ℓ_k.

// The values that a form depends on besides the weight.
struct Prior {
    const real *levels; // (count)
    const real *costs;  // (count), −ln a_k
    u32 count;
    u32 zero; // vnq: the index of the zero level
    u32 spike;
    real ratio_or_mean; // vnq, windows: ρ; Gaussian: μ₀
    real prior_log_sigma2; // Gaussian: ln σ₀²
};

// Stores the sums of each block: values (blocks), dlevels (blocks, count).
template <class Form>
__device__ void sum_over_weights(const real *theta, const real *log_sigma2, const Prior &prior, real *dtheta,
                                 real *dlog_sigma2, f64 *values, real *dlevels, u32 n) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    bool is_weight = i < n;
    u32 at = is_weight ? i : n - 1;
    Form form(theta[at], log_sigma2[at], prior);
    if (is_weight) {
        dtheta[i] = form.kl.dtheta;
        dlog_sigma2[i] = form.kl.dlog_sigma2;
    }
    f64 value = block_sum(is_weight ? (f64)form.kl.value : 0.0);
    if (threadIdx.x == 0) values[blockIdx.x] = value;
    for (u32 k = 0; k < prior.count; k++) {
        real dlevel = block_sum(is_weight ? form.dlevel(k, prior) : (real)0);
        if (threadIdx.x == 0) dlevels[blockIdx.x * prior.count + k] = dlevel;
    }
}

#define KL_KERNEL(Form)                                                                                                 \
    extern "C" __global__ void kl(const real *theta, const real *log_sigma2, const real *levels, const real *costs,     \
                                  u32 count, u32 zero, u32 spike, real ratio_or_mean, real prior_log_sigma2, real *dtheta, \
                                  real *dlog_sigma2, f64 *values, real *dlevels, u32 n) {                               \
        Prior prior = {levels, costs, count, zero, spike, ratio_or_mean, prior_log_sigma2};                             \
        sum_over_weights<Form>(theta, log_sigma2, prior, dtheta, dlog_sigma2, values, dlevels, n);                      \
    }
