// What each block adds to dℓ_k, the sum of dw over the weights whose nearest level is ℓ_k: sums (blocks, count).
extern "C" __global__ void level_gradient(const real *theta, const real *levels, const real *dw, real *sums, u32 count,
                                          u32 n) {
    for (u32 k = 0; k < count; k++) {
        f64 sum = 0;
        FOR_EACH(i, n) {
            if (nearest_level(theta[i], levels, count) == k) sum += (f64)dw[i];
        }
        sum = block_sum(sum);
        if (threadIdx.x == 0) sums[blockIdx.x * count + k] = real(sum);
    }
}
