// Q(θ).
extern "C" __global__ void value(const real *theta, const real *levels, u32 count, real *quantized, u32 n) {
    FOR_EACH(i, n) {
        quantized[i] = levels[nearest_level(theta[i], levels, count)];
    }
}

extern "C" __global__ void index(const real *theta, const real *levels, u32 count, u32 *level, u32 n) {
    FOR_EACH(i, n) {
        level[i] = nearest_level(theta[i], levels, count);
    }
}

// Σ (θ − Q(θ))² over the weights of each block.
extern "C" __global__ void loss(const real *theta, const real *levels, u32 count, f64 *sums, u32 n) {
    f64 sum = 0;
    FOR_EACH(i, n) {
        f64 difference = (f64)theta[i] - (f64)levels[nearest_level(theta[i], levels, count)];
        sum += difference * difference;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}
