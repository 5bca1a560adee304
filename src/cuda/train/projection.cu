extern "C" __global__ void log_sigma2(real *log_sigma2, real lowest, real highest, u32 n) {
    FOR_EACH(i, n) {
        // Comparisons keep a NaN, so that it is found later.
        if (log_sigma2[i] < lowest) log_sigma2[i] = lowest;
        else if (log_sigma2[i] > highest) log_sigma2[i] = highest;
    }
}

// The distance to keep from `level`: at least `gap`, and enough that adding it to `level` gives another number.
__device__ real spacing(real level, real gap, real next_number_factor, real smallest) {
    real distance = c_abs(level) * next_number_factor;
    distance = gap > distance ? gap : distance;
    return distance > smallest ? distance : smallest;
}

// Computed by one thread, since each level depends on the level before. The levels are moved away from level `fixed`,
// which is set to 0 if `has_zero`. Neighbours are kept `gap` apart: `most_gap` or, if `share` is above 0 and this is
// less, that share of the mean distance between neighbours.
extern "C" __global__ void levels(real *levels, u32 fixed, u32 has_zero, f64 most_gap, f64 share, real next_number_factor,
                                  real smallest, u32 count) {
    if (blockIdx.x > 0 || threadIdx.x > 0) return;
    if (share > 0) {
        f64 scaled = share * ((f64)levels[count - 1] - (f64)levels[0]) / (f64)(count - 1);
        if (scaled < most_gap) most_gap = scaled;
    }
    real gap = real(most_gap);
    if (has_zero) levels[fixed] = 0;
    for (u32 k = fixed + 1; k < count; k++) {
        real least = levels[k - 1] + spacing(levels[k - 1], gap, next_number_factor, smallest);
        if (levels[k] < least) levels[k] = least;
    }
    for (u32 k = fixed; k > 0; k--) {
        real most = levels[k] - spacing(levels[k], gap, next_number_factor, smallest);
        if (levels[k - 1] > most) levels[k - 1] = most;
    }
}

extern "C" __global__ void theta(real *theta, const real *log_sigma2, const real *levels, u32 count, real margin, u32 n) {
    real lowest = levels[0], highest = levels[count - 1];
    FOR_EACH(i, n) {
        if (theta[i] < lowest || theta[i] > highest) {
            real outside = margin * c_exp((real)0.5 * log_sigma2[i]);
            if (theta[i] < lowest - outside) theta[i] = lowest - outside;
            else if (theta[i] > highest + outside) theta[i] = highest + outside;
        }
    }
}

// Clamps θ to [ℓ_1 − g, ℓ_M + g], g the smallest gap.
extern "C" __global__ void theta_within_gap(real *theta, const real *levels, u32 count, u32 n) {
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
