// dγ and dβ from the sums of the blocks of bayes_conv2d/input_gradient, (blocks, [dγ, dβ], channels). If `batch`, also
// the terms of the gradient through the batch's μ and s²: constant += γ/√(s² + ε_n) · mean g, slope += γ/√(s² + ε_n) ·
// mean(g x̂). One block for 32 columns: see Column.
extern "C" __global__ void gradients(const real *sums_of_blocks, const real *inverse_deviation, const real *gamma,
    real *dgamma, real *dbeta, real *constant, real *slope, u32 channels, u32 blocks, u32 count, u32 batch) {
    __shared__ real sums[THREADS];
    Column channel(channels);
    real of_gamma = channel.sum(sums, sums_of_blocks, blocks, 2 * channels);
    real of_beta = channel.sum(sums, sums_of_blocks + channels, blocks, 2 * channels);
    if (!channel.stores) return;
    u32 c = channel.at;
    dgamma[c] = of_gamma;
    dbeta[c] = of_beta;
    if (!batch) return;
    real scale = gamma[c] * inverse_deviation[c] / real(count);
    constant[c] += scale * of_beta;
    slope[c] += scale * of_gamma;
}

// dx −= constant + x̂ · slope, in `channels` channels from `first` on, of images of `image` elements.
extern "C" __global__ void subtract_batch_term(const real *x, real *dx, const real *mean, const real *inverse_deviation,
    const real *constant, const real *slope, u32 n, u32 channels, u32 positions, u32 image, u32 first) {
    FOR_EACH(i, n) {
        u32 c = first + i / positions % channels;
        size_t at = size_t(i / positions / channels) * image + size_t(c) * positions + i % positions;
        dx[at] -= constant[c] + (x[at] - mean[c]) * inverse_deviation[c] * slope[c];
    }
}
