// Clamps θ to [ℓ_1 − g, ℓ_M + g], g the smallest gap.
extern "C" __global__ void bound_theta(real *theta, const real *levels, u32 count, u32 n) {
    f64 smallest = infinity(0.0);
    for (u32 k = 1; k < count; k++) {
        f64 gap = (f64)levels[k] - (f64)levels[k - 1];
        if (gap < smallest) smallest = gap;
    }
    real lowest = levels[0] - real(smallest), highest = levels[count - 1] + real(smallest);
    FOR_EACH(i, n) {
        // Comparisons keep a NaN, so that it is found later.
        if (theta[i] < lowest) theta[i] = lowest;
        else if (theta[i] > highest) theta[i] = highest;
    }
}
