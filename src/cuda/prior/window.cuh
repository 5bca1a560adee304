// Ω_k = exp(−(θ − ℓ_k)²/(2τ_k²)), τ_k = ρ|ℓ_k|, and its derivatives.
struct Window {
    real value, dtheta, dlevel;
};

DEVICE Window window(real theta, real level, real ratio) {
    real width = ratio * level;
    real z = (theta - level) / width;
    real value = c_exp((real)-0.5 * z * z);
    if (width == 0 || value == 0) return Window{0, 0, 0};
    real slope = value * z / width;
    return Window{value, -slope, slope * theta / level};
}

DEVICE void add_scaled(WeightKl &sum, real scale, const WeightKl &other) {
    sum.value += scale * other.value;
    sum.dtheta += scale * other.dtheta;
    sum.dlog_sigma2 += scale * other.dlog_sigma2;
}
