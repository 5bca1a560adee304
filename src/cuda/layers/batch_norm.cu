// Sums over the batch and the positions of each channel. The values of a channel are divided into shares, one per
// block, whose results are combined in order. `lanes` neighbouring threads compute neighbouring channels: 1 if images
// have many positions, more after a dense layer, so that a block always reads from consecutive addresses.
//
// Blocks of a reduction: (shares, channels / lanes).

// The values of one channel that a thread sums.
struct Values {
    u32 channel, first, end, step, positions, image;
    bool exists;

    __device__ Values(u32 batch, u32 channels, u32 positions, u32 image, u32 lanes, u32 in_share)
        : positions(positions), image(image) {
        channel = blockIdx.y * lanes + threadIdx.x % lanes;
        exists = channel < channels;
        first = blockIdx.x * in_share + threadIdx.x / lanes;
        end = exists ? min((blockIdx.x + 1) * in_share, batch * positions) : 0u;
        step = THREADS / lanes;
    }

    // The index of value `n` of the channel in the buffer; `from` is the number of the image's first channel in the
    // buffer.
    __device__ size_t at(u32 n, u32 from) const {
        return size_t(n / positions) * image + size_t(from + channel) * positions + n % positions;
    }
};

// For each share, (shares, 2, channels): the mean, and the sum of the squared distances from it.
extern "C" __global__ void moments_of_shares(const real *x, real *moments, u32 batch, u32 channels, u32 positions,
    u32 x_image, u32 x_first, u32 lanes, u32 in_share) {
    __shared__ real sums[THREADS];
    Values values(batch, channels, positions, x_image, lanes, in_share);
    u32 start = blockIdx.x * in_share, count = min(start + in_share, batch * positions) - start;
    LongSum<real> sum;
    for (u32 n = values.first; n < values.end; n += values.step) sum.add(x[values.at(n, x_first)]);
    real mean = lane_sum(sums, real(sum.total()), lanes) / real(count);
    LongSum<real> of_squares;
    for (u32 n = values.first; n < values.end; n += values.step) {
        real distance = x[values.at(n, x_first)] - mean;
        of_squares.add(distance * distance);
    }
    real squares = lane_sum(sums, real(of_squares.total()), lanes);
    if (threadIdx.x < lanes && values.exists) {
        moments[(blockIdx.x * 2) * channels + values.channel] = mean;
        moments[(blockIdx.x * 2 + 1) * channels + values.channel] = squares;
    }
}

// μ, s² and 1/√(s² + ε_n) of all shares together (Chan, Golub & LeVeque 1983), written from index `first` on. One
// block for 32 columns: see Column.
extern "C" __global__ void combine_moments(const real *moments, real *mean, real *variance, real *inverse_deviation,
    real epsilon, u32 channels, u32 count, u32 shares, u32 in_share, u32 first) {
    __shared__ real sums[THREADS];
    Column channel(channels);
    u32 c = channel.at;
    // All shares except the last have `in_share` values.
    real sum = 0;
    if (channel.exists)
        for (u32 share = threadIdx.x / Column::LANES; share < shares; share += Column::ROWS) {
            u32 held = min((share + 1) * in_share, count) - share * in_share;
            sum += real(held) * moments[share * 2 * channels + c];
        }
    real of_all = lane_sum(sums, sum, Column::LANES) / real(count);
    real squares = 0;
    if (channel.exists)
        for (u32 share = threadIdx.x / Column::LANES; share < shares; share += Column::ROWS) {
            u32 held = min((share + 1) * in_share, count) - share * in_share;
            real distance = moments[share * 2 * channels + c] - of_all;
            squares += moments[(share * 2 + 1) * channels + c] + real(held) * (distance * distance);
        }
    squares = lane_sum(sums, squares, Column::LANES);
    if (!channel.stores) return;
    real s2 = squares / real(count);
    mean[first + c] = of_all;
    variance[first + c] = s2;
    inverse_deviation[first + c] = real(1) / c_sqrt(s2 + epsilon);
}

extern "C" __global__ void inverse_deviations(const real *variance, real *inverse_deviation, real epsilon, u32 channels) {
    FOR_EACH(c, channels) inverse_deviation[c] = real(1) / c_sqrt(variance[c] + epsilon);
}

// Moves running statistics towards a batch's statistics; the factor `unbias` makes the batch's variance unbiased.
extern "C" __global__ void absorb(real *running_mean, real *running_variance, const real *mean, const real *variance,
    real momentum, real unbias, u32 channels) {
    FOR_EACH(c, channels) {
        running_mean[c] = (real(1) - momentum) * running_mean[c] + momentum * mean[c];
        running_variance[c] = (real(1) - momentum) * running_variance[c] + momentum * (unbias * variance[c]);
    }
}

// y = scale (x − μ) + shift of a channel.
struct Line {
    real mean, scale, shift;

    __device__ Line(const real *means, const real *inverse_deviation, const real *gamma, const real *beta, u32 c)
        : mean(means[c]), scale(gamma[c] * inverse_deviation[c]), shift(beta[c]) {}

    __device__ real value(real x) const { return scale * (x - mean) + shift; }
};

// y, or its ReLU if `rectified`.
extern "C" __global__ void normalize(const real *x, real *y, const real *mean, const real *inverse_deviation,
    const real *gamma, const real *beta, u32 n, u32 channels, u32 positions, u32 rectified) {
    FOR_EACH(i, n) {
        real value = Line(mean, inverse_deviation, gamma, beta, i / positions % channels).value(x[i]);
        y[i] = rectified && value < 0 ? real(0) : value;
    }
}

// dy, or if `rectified` the gradient after the ReLU's backward pass.
DEVICE real passed(real dy, real y, u32 rectified) { return rectified && !(y > 0) ? real(0) : dy; }

// For each share, (shares, [dγ, dβ], channels): Σ dy x̂ and Σ dy.
extern "C" __global__ void gradients_of_shares(const real *x, const real *dy, const real *mean,
    const real *inverse_deviation, const real *gamma, const real *beta, real *gradients, u32 batch, u32 channels,
    u32 positions, u32 rectified, u32 lanes, u32 in_share) {
    __shared__ real sums[THREADS];
    Values values(batch, channels, positions, channels * positions, lanes, in_share);
    LongSum<real> sum_gamma, sum_beta;
    if (values.exists) {
        u32 c = values.channel;
        Line line(mean, inverse_deviation, gamma, beta, c);
        for (u32 n = values.first; n < values.end; n += values.step) {
            size_t at = values.at(n, 0);
            real d = passed(dy[at], line.value(x[at]), rectified);
            real x_hat = (x[at] - mean[c]) * inverse_deviation[c];
            sum_gamma.add(d * x_hat);
            sum_beta.add(d);
        }
    }
    real of_gamma = lane_sum(sums, real(sum_gamma.total()), lanes);
    real of_beta = lane_sum(sums, real(sum_beta.total()), lanes);
    if (threadIdx.x < lanes && values.exists) {
        gradients[(blockIdx.x * 2) * channels + values.channel] = of_gamma;
        gradients[(blockIdx.x * 2 + 1) * channels + values.channel] = of_beta;
    }
}

// dγ and dβ. One block for 32 columns: see Column.
extern "C" __global__ void combine_gradients(const real *gradients, real *dgamma, real *dbeta, u32 channels, u32 shares) {
    __shared__ real sums[THREADS];
    Column channel(channels);
    real of_gamma = channel.sum(sums, gradients, shares, 2 * channels);
    real of_beta = channel.sum(sums, gradients + channels, shares, 2 * channels);
    if (!channel.stores) return;
    dgamma[channel.at] = of_gamma;
    dbeta[channel.at] = of_beta;
}

// dx, written over dy. `count` is the number of values per channel; `batch_statistics` is whether μ and s² depend on x.
extern "C" __global__ void input_gradient(const real *x, real *dy, const real *mean, const real *inverse_deviation,
    const real *gamma, const real *beta, const real *dgamma, const real *dbeta, u32 n, u32 channels, u32 positions,
    u32 count, u32 rectified, u32 batch_statistics) {
    FOR_EACH(i, n) {
        u32 c = i / positions % channels;
        real y = Line(mean, inverse_deviation, gamma, beta, c).value(x[i]);
        real d = passed(dy[i], y, rectified);
        real mean_dy = batch_statistics ? dbeta[c] / real(count) : real(0);
        real mean_dy_x_hat = batch_statistics ? dgamma[c] / real(count) : real(0);
        real x_hat = (x[i] - mean[c]) * inverse_deviation[c];
        dy[i] = gamma[c] * inverse_deviation[c] * (d - mean_dy - x_hat * mean_dy_x_hat);
    }
}
