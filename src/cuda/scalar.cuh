// The functions of src/scalar, and others that all kernels share. REAL is f32 or f64, the working precision.
//
// This file compiles as C++ too: the tests compile it so and compare every function with the Rust function, bit for
// bit. So, except for the functions of the C library, it uses only + − × ÷ √, fma, comparisons and operations on bits,
// in the order of the Rust code.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;
typedef float f32;
typedef double f64;
typedef REAL real;

#ifdef __CUDACC__
#define DEVICE __device__ __forceinline__
#else
#include <math.h>
#define DEVICE static inline
#endif

// ---------------------------------------------------------------------------------------------------------- Numbers as bits

DEVICE u32 to_bits(f32 x) {
    union { f32 number; u32 bits; } both;
    both.number = x;
    return both.bits;
}
DEVICE u64 to_bits(f64 x) {
    union { f64 number; u64 bits; } both;
    both.number = x;
    return both.bits;
}
DEVICE f32 from_bits(u32 bits) {
    union { f32 number; u32 bits; } both;
    both.bits = bits;
    return both.number;
}
DEVICE f64 from_bits(u64 bits) {
    union { f64 number; u64 bits; } both;
    both.bits = bits;
    return both.number;
}

DEVICE f32 infinity(f32) { return from_bits(0x7F800000u); }
DEVICE f64 infinity(f64) { return from_bits(0x7FF0000000000000ull); }
DEVICE f32 largest(f32) { return from_bits(0x7F7FFFFFu); }
DEVICE f64 largest(f64) { return from_bits(0x7FEFFFFFFFFFFFFFull); }
DEVICE bool is_finite(f32 x) { return (to_bits(x) & 0x7F800000u) != 0x7F800000u; }
DEVICE bool is_finite(f64 x) { return (to_bits(x) & 0x7FF0000000000000ull) != 0x7FF0000000000000ull; }

// ------------------------------------------------------------------------------------------------------ The C library, by type

DEVICE f32 c_abs(f32 x) { return from_bits(to_bits(x) & 0x7FFFFFFFu); }
DEVICE f64 c_abs(f64 x) { return from_bits(to_bits(x) & 0x7FFFFFFFFFFFFFFFull); }
DEVICE f32 c_exp(f32 x) { return expf(x); }
DEVICE f64 c_exp(f64 x) { return exp(x); }
DEVICE f32 c_exp_m1(f32 x) { return expm1f(x); }
DEVICE f64 c_exp_m1(f64 x) { return expm1(x); }
DEVICE f32 c_ln(f32 x) { return logf(x); }
DEVICE f64 c_ln(f64 x) { return log(x); }
DEVICE f32 c_ln_1p(f32 x) { return log1pf(x); }
DEVICE f64 c_ln_1p(f64 x) { return log1p(x); }
DEVICE f32 c_sqrt(f32 x) { return sqrtf(x); }
DEVICE f64 c_sqrt(f64 x) { return sqrt(x); }

// -------------------------------------------------------------------------------------------------------- scalar::elementary

namespace elementary {

DEVICE f32 power_of_2(i32 n) { return from_bits((u32)(n + 127) << 23); }

DEVICE f32 exp(f32 x) {
    const f32 P[5] = {0.49999994f, 0.16666521f, 0.04166839f, 0.00836871f, 0.0013814643f};
    const f32 LOG2_E = 1.44269504088896340735992468100189214f, WHOLE = 12582912.0f;
    const f32 LN_2_HIGH = 355.0f / 512.0f, LN_2_LOW = -2.1219444e-4f;
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    f32 shifted = x * LOG2_E + WHOLE;
    i32 n = (i32)(to_bits(shifted) - to_bits(WHOLE));
    f32 whole = shifted - WHOLE;
    f32 r = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
    f32 horner = 0.0f;
    for (i32 k = 4; k >= 0; k--) horner = horner * r + P[k];
    f32 power = 1.0f + (r + r * r * horner);
    i32 half = n >> 1;
    return power * power_of_2(half) * power_of_2((i32)((u32)n - (u32)half));
}

DEVICE f32 ln(f32 x) {
    const f32 Q[8] = {0.3333333f,  -0.2500082f,  0.20001227f, -0.16623361f,
                      0.14201781f, -0.13160169f, 0.12761414f, -0.0763433f};
    const f32 LN_2_HIGH = 355.0f / 512.0f, LN_2_LOW = -2.1219444e-4f;
    const u32 HALF_ROOT_2 = 0x3F3504F3u, ONE = 0x3F800000u;
    bool is_subnormal = x < from_bits(0x00800000u);
    f32 normal = is_subnormal ? x * 8388608.0f : x;
    u32 shifted = to_bits(normal) + (ONE - HALF_ROOT_2);
    f32 e = (f32)((i32)(shifted >> 23) - (is_subnormal ? 127 + 23 : 127));
    f32 f = from_bits((shifted & 0x007FFFFFu) + HALF_ROOT_2) - 1.0f;
    f32 horner = 0.0f;
    for (i32 k = 7; k >= 0; k--) horner = horner * f + Q[k];
    f32 rest = f * f * f * horner + e * LN_2_LOW;
    f32 ln = (f + (rest - 0.5f * f * f)) + e * LN_2_HIGH;
    ln = x == infinity(x) ? x : ln;
    ln = x == 0.0f ? -infinity(x) : ln;
    return x >= 0.0f ? ln : from_bits(0x7FC00000u);
}

DEVICE f32 ln_1p(f32 x) {
    f32 u = 1.0f + x, of_u = ln(u);
    return u < infinity(u) ? of_u + (x - (u - 1.0f)) / u : of_u;
}

} // namespace elementary

// scalar::Real's exp_in_loop, ln_of and ln_1p_of: in f32 the functions above, in f64 those of the C library.
DEVICE f32 exp_in_loop(f32 x) { return elementary::exp(x); }
DEVICE f64 exp_in_loop(f64 x) { return c_exp(x); }
DEVICE f32 ln_in_loop(f32 x) { return elementary::ln(x); }
DEVICE f64 ln_in_loop(f64 x) { return c_ln(x); }
DEVICE f32 ln_1p_in_loop(f32 x) { return elementary::ln_1p(x); }
DEVICE f64 ln_1p_in_loop(f64 x) { return log1p(x); }

// -------------------------------------------------------------------------------------------- scalar::ln_unit, scalar::circle

DEVICE f64 ln_unit(f64 u) {
    const f64 LN_2_HIGH = 0.6931471803691238, LN_2_LOW = 1.9082149292705877e-10;
    const f64 A[7] = {0.6666666666666734,  0.3999999999941449,  0.28571428742422034, 0.22222198570199445,
                      0.1818356446072806,  0.15314047507967113, 0.1479597700336357};
    const u64 HALF_ROOT_2 = 0x3FE6A09E667F3BCDull, ONE = 0x3FF0000000000000ull, TWO_52 = 0x4330000000000000ull;
    u64 shifted = to_bits(u) + (ONE - HALF_ROOT_2);
    f64 e = from_bits(shifted >> 52 | TWO_52) - (4503599627370496.0 + 1023.0);
    f64 m = from_bits((shifted & 0x000FFFFFFFFFFFFFull) + HALF_ROOT_2);
    f64 f = m - 1.0;
    f64 s = f / (m + 1.0);
    f64 s2 = s * s;
    f64 horner = 0.0;
    for (i32 k = 6; k >= 0; k--) horner = fma(horner, s2, A[k]);
    f64 sum = s2 * horner;
    f64 half_square = 0.5 * f * f;
    return fma(e, LN_2_HIGH, f - (half_square - fma(s, half_square + sum, e * LN_2_LOW)));
}

DEVICE void circle(f64 u, f64 *x, f64 *y) {
    const f64 C[6] = {0.0416666666666666,   -0.0013888888888874138, 2.480158728949189e-5,
                      -2.75573143552516e-7, 2.087572368483623e-9,   -1.1359669852250027e-11};
    const f64 S[6] = {-0.16666666666666632,  0.008333333333322425,  -0.00019841269829817097,
                      2.755731369526355e-6, -2.505075865739363e-8, 1.5896828091028286e-10};
    const f64 WHOLE = 6755399441055744.0, FRAC_PI_2 = 1.57079632679489661923132169163975144;
    f64 shifted = fma(u, 4.0, WHOLE);
    u64 quarter = to_bits(shifted);
    f64 r = fma(u, 4.0, WHOLE - shifted) * FRAC_PI_2;
    f64 r2 = r * r;
    f64 c = 0.0, s = 0.0;
    for (i32 k = 5; k >= 0; k--) c = fma(c, r2, C[k]);
    for (i32 k = 5; k >= 0; k--) s = fma(s, r2, S[k]);
    f64 cos = fma(r2 * r2, c, fma(r2, -0.5, 1.0));
    f64 sin = fma(r * r2, s, r);
    bool even = (quarter & 1) == 0;
    *x = from_bits(to_bits(even ? cos : sin) ^ (((quarter + 1) & 2) << 62));
    *y = from_bits(to_bits(even ? sin : cos) ^ ((quarter & 2) << 62));
}

// ---------------------------------------------------------------------------------------------------------- scalar::spike_kl

const f64 K1 = 0.63576, K2 = 1.87320, K3 = 1.48695;
const f64 ASYMPTOTIC_T = 80.0, HALF_GAMMA_PLUS_LN_2 = 0.6351814227307391;

DEVICE f64 spike_kl_exact(f64 t) {
    if (t < ASYMPTOTIC_T) {
        f64 z = 0.5 * t, weight = 1.0, sum = 0.0, harmonic = 0.0;
        for (u32 j = 0; j < 120; j++) {
            f64 term = weight * harmonic;
            harmonic += 1.0 / (f64)(2 * j + 1);
            sum += term;
            if (term < 1e-18 * sum) break;
            weight *= z / (f64)(j + 1);
        }
        return c_exp(-z) * sum;
    }
    f64 power = 1.0, sum = 0.0;
    for (u32 n = 1; n < 40; n++) {
        power *= (f64)(2 * n - 1) / t;
        f64 term = power * (0.5 / (f64)n);
        sum += term;
        if (term <= 1e-18 * sum) break;
    }
    return 0.5 * c_ln(t) + (HALF_GAMMA_PLUS_LN_2 - sum);
}

DEVICE f64 spike_kl_exact_derivative(f64 t) {
    if (t < ASYMPTOTIC_T) {
        f64 z = 0.5 * t, weight = 1.0, sum = 0.0;
        for (u32 j = 0; j < 120; j++) {
            f64 term = weight * (1.0 / (f64)(2 * j + 1));
            sum += term;
            if (term < 1e-18 * sum) break;
            weight *= z / (f64)(j + 1);
        }
        return 0.5 * (c_exp(-z) * sum);
    }
    f64 power = 1.0, sum = 0.0;
    for (u32 n = 1; n < 40; n++) {
        power *= (f64)(2 * n - 1) / t;
        sum += power;
        if (power <= 1e-18 * sum) break;
    }
    return 0.5 / t * (1.0 + sum);
}

// D_fit(t) and D_fit'(t).
DEVICE void spike_kl_fit(real t, real *value, real *slope) {
    const real half = (real)0.5, one = (real)1;
    real u = exp_in_loop((real)K2 - (real)K3 * ln_in_loop(t));
    real sigmoid = one / (one + u);
    *value = half * ln_1p_in_loop(t) + (real)K1 * sigmoid;
    real sigmoid_slope = sigmoid * (u * sigmoid) / t;
    sigmoid_slope = u == infinity(u) ? (real)0 : sigmoid_slope;
    *slope = half / (one + t) + (real)(K1 * K3) * sigmoid_slope;
}

// The Spike of the Rust code.
enum { SPIKE_EXACT = 0, SPIKE_FIT = 1 };

DEVICE void spike_kl_value_and_derivative(u32 spike, real t, real *value, real *slope) {
    if (spike == SPIKE_EXACT) {
        *value = (real)spike_kl_exact((f64)t);
        *slope = (real)spike_kl_exact_derivative((f64)t);
    } else {
        spike_kl_fit(t, value, slope);
    }
}

// --------------------------------------------------------------------------------- scalar::weight_kl, scalar::gaussian_kl

struct WeightKl {
    real value, dtheta, dlog_sigma2;
};

DEVICE real over_sigma(real x, real root) { return x == 0 ? x : x * root * root; }

DEVICE WeightKl gaussian_kl(real theta, real log_sigma2, real prior_mean, real prior_log_sigma2) {
    const f64 SERIES[15] = {
        1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0,
        1.0 / 720.0, 1.0 / 5040.0, 1.0 / 40320.0, 1.0 / 362880.0,
        1.0 / 3628800.0, 1.0 / 39916800.0, 1.0 / 479001600.0, 1.0 / 6227020800.0,
        1.0 / 87178291200.0, 1.0 / 1307674368000.0, 1.0 / 20922789888000.0,
    };
    const real half = (real)0.5;
    real r = log_sigma2 - prior_log_sigma2;
    real ratio_minus_one, excess;
    if (c_abs(r) >= half) {
        ratio_minus_one = c_exp_m1(r);
        excess = ratio_minus_one - r;
    } else {
        real series = 0;
        for (i32 k = 14; k >= 0; k--) series = series * r + (real)SERIES[k];
        excess = r * r * series;
        ratio_minus_one = r + excess;
    }
    real root = c_exp((real)-0.25 * prior_log_sigma2);
    real u = over_sigma(theta - prior_mean, root);
    WeightKl kl;
    kl.value = half * (excess + u * u);
    kl.dtheta = over_sigma(u, root);
    kl.dlog_sigma2 = half * ratio_minus_one;
    return kl;
}

// --------------------------------------------------------------------------------------------------------------- prior::spike

const f64 FAR = 1e9, LN_FAR = 20.72326583694641;

struct Sigma {
    real log_sigma2, inverse;
};

DEVICE Sigma sigma_of(real log_sigma2) {
    Sigma sigma = {log_sigma2, exp_in_loop((real)-0.5 * log_sigma2)};
    return sigma;
}

// spike_kl computed from θ − ℓ and the logarithm of u.
DEVICE WeightKl far_spike_kl(u32 spike, real delta, real log_sigma2) {
    const real half = (real)0.5;
    real log_u = c_ln(c_abs(delta)) - half * log_sigma2;
    if (log_u != log_u) return WeightKl{log_u, log_u, log_u};
    if (delta == 0) return WeightKl{0, 0, 0};
    if (log_u >= (real)LN_FAR) {
        return WeightKl{log_u + (real)(spike == SPIKE_EXACT ? HALF_GAMMA_PLUS_LN_2 : K1), (real)1 / delta, -half};
    }
    real t = c_exp((real)2 * log_u), value, slope;
    spike_kl_value_and_derivative(spike, t, &value, &slope);
    return WeightKl{value, (real)2 * (t * slope) / delta, -t * slope};
}

DEVICE WeightKl spike_kl(u32 spike, real theta, Sigma sigma, real level) {
    real u = (theta - level) * sigma.inverse;
    if (!(c_abs(u) <= (real)FAR)) return far_spike_kl(spike, theta - level, sigma.log_sigma2);
    real t = u * u, value, slope;
    spike_kl_value_and_derivative(spike, t, &value, &slope);
    return WeightKl{value, slope * ((real)2 * u) * sigma.inverse, -t * slope};
}

// ----------------------------------------------------------------------------------------------------------- prior::quantizer

DEVICE real partition(real lower, real upper) {
    const real two = (real)2;
    real sum = lower + upper;
    real middle = is_finite(sum) ? sum / two : lower / two + upper / two;
    return middle < upper ? middle : lower;
}

// The index of the level nearest to theta; a theta on a partition has the lower level.
DEVICE u32 nearest_level(real theta, const real *levels, u32 count) {
    u32 index = 0;
    for (u32 k = 0; k + 1 < count; k++) index += partition(levels[k], levels[k + 1]) < theta;
    return index;
}

// -------------------------------------------------------------------------------------------------------------- tensor::noise

struct Words {
    u32 word[4];
};

DEVICE Words philox4x32_10(Words counter, u32 key0, u32 key1) {
    for (u32 round = 0; round < 10; round++) {
        if (round > 0) {
            key0 += 0x9E3779B9u;
            key1 += 0xBB67AE85u;
        }
        u64 product0 = 0xD2511F53ull * counter.word[0], product1 = 0xCD9E8D57ull * counter.word[2];
        counter = Words{{(u32)(product1 >> 32) ^ counter.word[1] ^ key0, (u32)product1,
                         (u32)(product0 >> 32) ^ counter.word[3] ^ key1, (u32)product0}};
    }
    return counter;
}

DEVICE f64 uniform(u32 x) { return ((f64)x + 0.5) * (1.0 / 4294967296.0); }

DEVICE void box_muller(u32 x0, u32 x1, f64 *z0, f64 *z1) {
    f64 radius = c_sqrt(-2.0 * ln_unit(uniform(x0)));
    f64 cos, sin;
    circle(uniform(x1), &cos, &sin);
    *z0 = radius * cos;
    *z1 = radius * sin;
}

// --------------------------------------------------------------------------------------------------------- Blocks of threads
#ifdef __CUDACC__

// The number of threads of every block that device.rs launches.
#define THREADS 256u

// A loop over i < n, distributed over all threads of a grid of Grid::elements(n).
#define FOR_EACH(i, n) for (u32 i = blockIdx.x * THREADS + threadIdx.x; i < (n); i += gridDim.x * THREADS)

// tensor::sum of one thread's terms: blocks of terms are added up in T, the blocks' sums in f64.
template <class T>
struct LongSum {
    T block = 0;
    f64 blocks = 0;
    u32 terms = 0;

    __device__ void add(T x) {
        if (terms == 64) {
            blocks += (f64)block;
            block = 0;
            terms = 0;
        }
        block += x;
        terms++;
    }
    __device__ f64 total() const { return blocks + (f64)block; }
};

// The sum of every thread's value, in a fixed order; all threads of the block take part and receive it.
template <class T>
__device__ T block_sum(T value) {
    __shared__ T sums[THREADS];
    __syncthreads(); // Other threads may still read the previous sum.
    sums[threadIdx.x] = value;
    __syncthreads();
    for (u32 half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
        __syncthreads();
    }
    return sums[0];
}

#endif
