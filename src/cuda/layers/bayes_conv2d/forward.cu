// Computes m = x ∗ θ + b and v = x² ∗ σ² together, reading x once; then y and the factor from dy to dv.
//
// A thread computes ROWS positions, one above the other, in OUTPUTS output channels, and keeps the sums in registers.
// All threads of a block have the same output channels, whose weights they read from shared memory, some input channels
// at a time. If there are few positions, the block's threads are divided into `teams`: each team computes all positions
// of the block for a share of the input channels, and the teams' sums are added up in order.
//
// Blocks: (positions, output channels of a group, groups).

constexpr i32 ROWS = 4, OUTPUTS = 12;
// The elements of shared memory. It holds the weights of as many products as fit, as [product][θ, σ²][output].
constexpr i32 SHARED = 2 * OUTPUTS * i32(THREADS);
constexpr i32 PRODUCTS = SHARED / (2 * OUTPUTS);

struct Sums {
    real m[ROWS][OUTPUTS], v[ROWS][OUTPUTS];
};

template <bool SAMPLED> __device__ __forceinline__ void add(Sums &sums, i32 row, real x, const real *weights) {
    real x2 = x * x;
#pragma unroll
    for (i32 o = 0; o < OUTPUTS; o++) {
        sums.m[row][o] = fma(weights[o], x, sums.m[row][o]);
        if (SAMPLED) sums.v[row][o] = fma(weights[OUTPUTS + o], x2, sums.v[row][o]);
    }
}

// Adds the products from `first` on, for any window. `p` and `q` are the thread's first position; `x` is the channels
// of its image.
template <bool SAMPLED>
__device__ void any_window(Sums &sums, const real *weights, i32 first, i32 count, const real *x, const Activations &activations,
    const Geometry &g, u32 first_channel, i32 p, i32 q, i32 team, i32 teams) {
    for (i32 k = team; k < count; k += teams) {
        i32 channel = (first + k) / g.taps(), tap = (first + k) % g.taps();
        i32 i = tap / g.kernel_w, j = tap % g.kernel_w;
        Activation activation = activations.of(first_channel + channel);
        i32 w = q * g.stride_w + j * g.dilation_w - g.padding_w;
#pragma unroll
        for (i32 row = 0; row < ROWS; row++) {
            i32 h = (p + row) * g.stride_h + i * g.dilation_h - g.padding_h;
            bool inside = u32(h) < u32(g.height) && u32(w) < u32(g.width);
            real a = inside ? activation.value(x[channel * g.pixels() + h * g.width + w]) : real(0);
            add<SAMPLED>(sums, row, a, weights + k * 2 * OUTPUTS);
        }
    }
}

// As any_window, for windows of KERNEL × KERNEL without stride and dilation; the products are those of whole channels.
template <i32 KERNEL, bool SAMPLED>
__device__ void square_window(Sums &sums, const real *weights, i32 first, i32 count, const real *x,
    const Activations &activations, const Geometry &g, u32 first_channel, i32 p, i32 q, i32 team, i32 teams) {
    constexpr i32 TAPS = KERNEL * KERNEL, SEEN = ROWS + KERNEL - 1;
    for (i32 c = team; c < count / TAPS; c += teams) {
        i32 channel = first / TAPS + c;
        Activation activation = activations.of(first_channel + channel);
        real seen[SEEN][KERNEL];
#pragma unroll
        for (i32 row = 0; row < SEEN; row++)
#pragma unroll
            for (i32 j = 0; j < KERNEL; j++) {
                i32 h = p + row - g.padding_h, w = q + j - g.padding_w;
                bool inside = u32(h) < u32(g.height) && u32(w) < u32(g.width);
                seen[row][j] = inside ? activation.value(x[channel * g.pixels() + h * g.width + w]) : real(0);
            }
#pragma unroll
        for (i32 i = 0; i < KERNEL; i++)
#pragma unroll
            for (i32 j = 0; j < KERNEL; j++)
#pragma unroll
                for (i32 row = 0; row < ROWS; row++)
                    add<SAMPLED>(sums, row, seen[row + i][j], weights + (c * TAPS + i * KERNEL + j) * 2 * OUTPUTS);
    }
}

// Stores y and, if SAMPLED, the factor from dy to dv, which is written over ε.
template <bool SAMPLED> __device__ __forceinline__ void put(real *y, real *eps, real m, real v) {
    if (SAMPLED) {
        real deviation = c_sqrt(v + real(V0));
        real noise = *eps;
        *y = fma(deviation, noise, m);
        *eps = real(0.5) * noise / deviation;
    } else {
        *y = m;
    }
}

// KERNEL 0 is the version for any window.
template <i32 KERNEL, bool SAMPLED>
__device__ void convolve(const real *x, const Activations &activations, const real *theta, const real *log_sigma2,
    const real *bias, u32 biased, real *y, real *eps, const Geometry &g, u32 y_image, u32 y_first, i32 teams) {
    __shared__ __align__(16) real shared[SHARED];
    i32 members = i32(THREADS) / teams;
    i32 team = i32(threadIdx.x) / members, member = i32(threadIdx.x) % members;
    i32 strips = (g.output_h + ROWS - 1) / ROWS;
    i32 place = i32(blockIdx.x) * members + member;
    i32 q = place % g.output_w, p = place / g.output_w % strips * ROWS, b = place / g.output_w / strips;
    bool takes_part = b < g.batch;
    i32 group = i32(blockIdx.z), first_output = i32(blockIdx.y) * OUTPUTS;
    i32 outputs = min(OUTPUTS, g.outputs - first_output);
    u32 first_channel = group * g.channels;
    const real *image = x + size_t(b) * g.x_image + size_t(g.x_first + first_channel) * g.pixels();
    size_t first_weight = size_t(group * g.outputs + first_output) * g.fan_in();

    Sums sums;
#pragma unroll
    for (i32 row = 0; row < ROWS; row++)
#pragma unroll
        for (i32 o = 0; o < OUTPUTS; o++) sums.m[row][o] = sums.v[row][o] = 0;
    constexpr i32 TAPS = KERNEL ? KERNEL * KERNEL : 1;
    constexpr i32 AT_ONCE = PRODUCTS / TAPS * TAPS;
    for (i32 first = 0; first < g.fan_in(); first += AT_ONCE) {
        i32 count = min(AT_ONCE, g.fan_in() - first);
        __syncthreads();
        for (i32 e = i32(threadIdx.x); e < count * OUTPUTS; e += i32(THREADS)) {
            i32 o = e / count, k = e % count;
            size_t at = first_weight + size_t(o) * g.fan_in() + first + k;
            shared[k * 2 * OUTPUTS + o] = o < outputs ? theta[at] : real(0);
            if (SAMPLED) shared[k * 2 * OUTPUTS + OUTPUTS + o] = o < outputs ? c_exp(log_sigma2[at]) : real(0);
        }
        __syncthreads();
        if (takes_part) {
            if constexpr (KERNEL == 0)
                any_window<SAMPLED>(
                    sums, shared, first, count, image, activations, g, first_channel, p, q, team, teams);
            else
                square_window<KERNEL, SAMPLED>(
                    sums, shared, first, count, image, activations, g, first_channel, p, q, team, teams);
        }
    }

    size_t of_y = size_t(b) * y_image + size_t(y_first + group * g.outputs + first_output) * g.positions();
    size_t of_eps = (size_t(b) * g.groups * g.outputs + group * g.outputs + first_output) * g.positions();
#pragma unroll
    for (i32 row = 0; row < ROWS; row++) {
        i32 at = (p + row) * g.output_w + q;
        bool is_position = takes_part && p + row < g.output_h;
        __syncthreads();
#pragma unroll
        for (i32 o = 0; o < OUTPUTS; o++) {
            shared[(2 * o) * i32(THREADS) + i32(threadIdx.x)] = sums.m[row][o];
            if (SAMPLED) shared[(2 * o + 1) * i32(THREADS) + i32(threadIdx.x)] = sums.v[row][o];
        }
        __syncthreads();
        // Each team stores a share of the outputs.
#pragma unroll 1
        for (i32 o = team; o < outputs && is_position; o += teams) {
            real m = biased ? bias[group * g.outputs + first_output + o] : real(0), v = 0;
#pragma unroll 1
            for (i32 of = 0; of < teams; of++) {
                m += shared[(2 * o) * i32(THREADS) + of * members + member];
                if (SAMPLED) v += shared[(2 * o + 1) * i32(THREADS) + of * members + member];
            }
            put<SAMPLED>(
                &y[of_y + size_t(o) * g.positions() + at], &eps[of_eps + size_t(o) * g.positions() + at], m, v);
        }
    }
}

#define FORWARD                                                                                                        \
    const real *x, ACTIVATIONS, const real *theta, const real *log_sigma2, const real *bias, u32 biased, real *y,        \
        real *eps, GEOMETRY, u32 y_image, u32 y_first, u32 teams
#define CONVOLVE(KERNEL, SAMPLED)                                                                                      \
    convolve<KERNEL, SAMPLED>(x, ACTIVATIONS_GIVEN, theta, log_sigma2, bias, biased, y, eps, GEOMETRY_GIVEN, y_image,     \
        y_first, i32(teams))

extern "C" __global__ void mean_any(FORWARD) { CONVOLVE(0, false); }
extern "C" __global__ void mean_1(FORWARD) { CONVOLVE(1, false); }
extern "C" __global__ void mean_3(FORWARD) { CONVOLVE(3, false); }
extern "C" __global__ void mean_5(FORWARD) { CONVOLVE(5, false); }
extern "C" __global__ void sampled_any(FORWARD) { CONVOLVE(0, true); }
extern "C" __global__ void sampled_1(FORWARD) { CONVOLVE(1, true); }
extern "C" __global__ void sampled_3(FORWARD) { CONVOLVE(3, true); }
extern "C" __global__ void sampled_5(FORWARD) { CONVOLVE(5, true); }
