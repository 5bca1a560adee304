// Computes da = θᵀ dm + 2 a ⊙ ((σ²)ᵀ dv), gathered at each pixel of a. Without an activation a = x and da is dx. With
// an activation its backward pass follows in the same kernel: dx += γ/√(s² + ε_n) g, and each block's sums of g x̂ and of
// g per channel.
//
// A thread computes ROWS pixels, one above the other, in CHANNELS input channels, and keeps the sums in registers. All
// threads of a block have the same channels, whose weights they read from shared memory, some outputs at a time. As in
// the forward kernel, if there are few pixels, the block's threads are divided into `teams`: each team computes all
// pixels of the block for a share of the outputs. The teams' sums are added up in order; then each team processes a
// share of the channels.
//
// Blocks: (pixels, input channels of a group, groups).

constexpr i32 ROWS = 4, CHANNELS = 12;
// The elements of shared memory. It holds the weights of as many products as fit, as [product][θ, σ²][channel].
constexpr i32 SHARED = 2 * CHANNELS * i32(THREADS);
constexpr i32 PRODUCTS = SHARED / (2 * CHANNELS);

struct Sums {
    real m[ROWS][CHANNELS], v[ROWS][CHANNELS];
};

template <bool SAMPLED> __device__ __forceinline__ void add(Sums &sums, i32 row, real dm, real dv, const real *weights) {
#pragma unroll
    for (i32 c = 0; c < CHANNELS; c++) {
        sums.m[row][c] = fma(weights[c], dm, sums.m[row][c]);
        if (SAMPLED) sums.v[row][c] = fma(weights[CHANNELS + c], dv, sums.v[row][c]);
    }
}

// Adds the products from `first` on, for any window. `h` and `w` are the thread's first pixel; `dy` and `dv_per_dy`
// begin at its image.
template <bool SAMPLED>
__device__ void any_window(Sums &sums, const real *weights, i32 first, i32 count, const real *dy, const real *dv_per_dy,
    const Geometry &g, i32 h, i32 w, i32 team, i32 teams) {
    for (i32 k = team; k < count; k += teams) {
        i32 output = (first + k) / g.taps(), tap = (first + k) % g.taps();
        i32 i = tap / g.kernel_w, j = tap % g.kernel_w;
        // w = q · stride + j · dilation − padding
        i32 from = w + g.padding_w - j * g.dilation_w, q = from / g.stride_w;
        bool in_row = from >= 0 && from % g.stride_w == 0 && q < g.output_w;
#pragma unroll
        for (i32 row = 0; row < ROWS; row++) {
            i32 above = h + row + g.padding_h - i * g.dilation_h, p = above / g.stride_h;
            bool inside = in_row && above >= 0 && above % g.stride_h == 0 && p < g.output_h;
            size_t at = size_t(output) * g.positions() + p * g.output_w + q;
            real dm = inside ? dy[at] : real(0);
            real dv = inside && SAMPLED ? dm * dv_per_dy[at] : real(0);
            add<SAMPLED>(sums, row, dm, dv, weights + k * 2 * CHANNELS);
        }
    }
}

// As any_window, for windows of KERNEL × KERNEL without stride and dilation; the products are those of whole outputs.
template <i32 KERNEL, bool SAMPLED>
__device__ void square_window(Sums &sums, const real *weights, i32 first, i32 count, const real *dy,
    const real *dv_per_dy, const Geometry &g, i32 h, i32 w, i32 team, i32 teams) {
    constexpr i32 TAPS = KERNEL * KERNEL, SEEN = ROWS + KERNEL - 1;
    for (i32 o = team; o < count / TAPS; o += teams) {
        size_t plane = size_t(first / TAPS + o) * g.positions();
        // seen[row][j] is the position of tap (KERNEL − 1, j) for pixel row `row`.
        real dm[SEEN][KERNEL], dv[SEEN][KERNEL];
#pragma unroll
        for (i32 row = 0; row < SEEN; row++)
#pragma unroll
            for (i32 j = 0; j < KERNEL; j++) {
                i32 p = h + row + g.padding_h - (KERNEL - 1), q = w + g.padding_w - j;
                bool inside = u32(p) < u32(g.output_h) && u32(q) < u32(g.output_w);
                size_t at = plane + p * g.output_w + q;
                dm[row][j] = inside ? dy[at] : real(0);
                dv[row][j] = inside && SAMPLED ? dm[row][j] * dv_per_dy[at] : real(0);
            }
#pragma unroll
        for (i32 i = 0; i < KERNEL; i++)
#pragma unroll
            for (i32 j = 0; j < KERNEL; j++)
#pragma unroll
                for (i32 row = 0; row < ROWS; row++) {
                    i32 from = row + KERNEL - 1 - i;
                    const real *of_tap = weights + (o * TAPS + i * KERNEL + j) * 2 * CHANNELS;
                    add<SAMPLED>(sums, row, dm[from][j], dv[from][j], of_tap);
                }
    }
}

// KERNEL 0 is the version for any window. dx has x's image stride and first channel; `sums_of_blocks` is (blocks, [g
// x̂, g], channels of all groups).
template <i32 KERNEL, bool SAMPLED>
__device__ void input_gradient(const real *x, const Activations &activations, const real *theta, const real *log_sigma2,
    const real *dy, u32 dy_image, u32 dy_first, const real *dv_per_dy, real *dx, real *sums_of_blocks,
    const Geometry &g, i32 teams) {
    __shared__ __align__(16) real shared[SHARED];
    i32 strips = (g.height + ROWS - 1) / ROWS;
    i32 members = i32(THREADS) / teams;
    i32 team = i32(threadIdx.x) / members, member = i32(threadIdx.x) % members;
    i32 place = i32(blockIdx.x) * members + member;
    i32 w = place % g.width, h = place / g.width % strips * ROWS, b = place / g.width / strips;
    bool takes_part = b < g.batch;
    i32 group = i32(blockIdx.z), first_channel = i32(blockIdx.y) * CHANNELS;
    i32 channels = min(CHANNELS, g.channels - first_channel);
    i32 first_output = group * g.outputs;
    const real *of_dy = dy + size_t(b) * dy_image + size_t(dy_first + first_output) * g.positions();
    const real *of_factor = dv_per_dy + (size_t(b) * g.groups * g.outputs + first_output) * g.positions();

    Sums sums;
#pragma unroll
    for (i32 row = 0; row < ROWS; row++)
#pragma unroll
        for (i32 c = 0; c < CHANNELS; c++) sums.m[row][c] = sums.v[row][c] = 0;
    i32 taps = g.taps(), products = g.outputs * taps;
    constexpr i32 TAPS = KERNEL ? KERNEL * KERNEL : 1;
    constexpr i32 AT_ONCE = PRODUCTS / TAPS * TAPS;
    for (i32 first = 0; first < products; first += AT_ONCE) {
        i32 count = min(AT_ONCE, products - first);
        __syncthreads();
        for (i32 e = i32(threadIdx.x); e < count * CHANNELS; e += i32(THREADS)) {
            i32 c = e / count, k = e % count;
            i32 output = (first + k) / taps, tap = (first + k) % taps;
            size_t at = (size_t(first_output + output) * g.channels + first_channel + c) * taps + tap;
            shared[k * 2 * CHANNELS + c] = c < channels ? theta[at] : real(0);
            if (SAMPLED) shared[k * 2 * CHANNELS + CHANNELS + c] = c < channels ? c_exp(log_sigma2[at]) : real(0);
        }
        __syncthreads();
        if (takes_part) {
            if constexpr (KERNEL == 0)
                any_window<SAMPLED>(sums, shared, first, count, of_dy, of_factor, g, h, w, team, teams);
            else
                square_window<KERNEL, SAMPLED>(sums, shared, first, count, of_dy, of_factor, g, h, w, team, teams);
        }
    }

    // The sums of the channels that the thread processes after the teams' sums are added up: team, team + teams, …
    u32 of_group = group * g.channels + first_channel;
    size_t of_x = size_t(b) * g.x_image + size_t(g.x_first + of_group) * g.pixels();
    real of_gamma[CHANNELS], of_beta[CHANNELS];
#pragma unroll
    for (i32 n = 0; n < CHANNELS; n++) of_gamma[n] = of_beta[n] = 0;
#pragma unroll
    for (i32 row = 0; row < ROWS; row++) {
        __syncthreads();
#pragma unroll
        for (i32 c = 0; c < CHANNELS; c++) {
            shared[(2 * c) * i32(THREADS) + i32(threadIdx.x)] = sums.m[row][c];
            if (SAMPLED) shared[(2 * c + 1) * i32(THREADS) + i32(threadIdx.x)] = sums.v[row][c];
        }
        __syncthreads();
        if (!takes_part || h + row >= g.height) continue;
#pragma unroll 1
        for (i32 n = 0; team + n * teams < channels; n++) {
            i32 c = team + n * teams;
            real of_mean = 0, of_variance = 0;
#pragma unroll 1
            for (i32 of = 0; of < teams; of++) {
                of_mean += shared[(2 * c) * i32(THREADS) + of * members + member];
                if (SAMPLED) of_variance += shared[(2 * c + 1) * i32(THREADS) + of * members + member];
            }
            size_t at = of_x + size_t(c) * g.pixels() + (h + row) * g.width + w;
            Activation activation = activations.of(of_group + c);
            // v = a² ∗ σ²
            real pixel = x[at], a = activation.value(pixel);
            real da = SAMPLED ? of_mean + 2 * a * of_variance : of_mean;
            if (!activations.activated) {
                dx[at] = da;
                continue;
            }
            // a = max(γ x̂ + β, 0)
            real x_hat = activation.normalized(pixel);
            real d = activation.gamma * x_hat + activation.beta > 0 ? da : real(0);
            // Selected by comparisons, since registers cannot be indexed.
#pragma unroll
            for (i32 i = 0; i < CHANNELS; i++) {
                of_gamma[i] += i == n ? d * x_hat : real(0);
                of_beta[i] += i == n ? d : real(0);
            }
            dx[at] += activation.gamma * activation.inverse_deviation * d;
        }
    }
    if (!activations.activated) return;

    // The sums over the members of the team that processes a channel: first PARTS threads compute parts of each sum,
    // then one adds these up.
    constexpr i32 PARTS = 8;
    __syncthreads();
#pragma unroll
    for (i32 n = 0; n < CHANNELS; n++) {
        shared[n * i32(THREADS) + i32(threadIdx.x)] = of_gamma[n];
        shared[(CHANNELS + n) * i32(THREADS) + i32(threadIdx.x)] = of_beta[n];
    }
    __syncthreads();
    i32 row = i32(threadIdx.x) / PARTS, part = i32(threadIdx.x) % PARTS;
    i32 c = row % CHANNELS, of = row / CHANNELS;
    bool sums_up = row < 2 * CHANNELS;
    real sum = 0;
    if (sums_up) {
        const real *of_team = shared + (of * CHANNELS + c / teams) * i32(THREADS) + c % teams * members;
        for (i32 i = part; i < members; i += PARTS) sum += of_team[i];
    }
    __syncthreads();
    if (sums_up) shared[row * PARTS + part] = sum;
    __syncthreads();
    if (part == 0 && sums_up && c < channels) {
        real total = 0;
        for (i32 i = 0; i < PARTS; i++) total += shared[row * PARTS + i];
        sums_of_blocks[(blockIdx.x * 2 + of) * (g.groups * g.channels) + of_group + c] = total;
    }
}

#define INPUT_GRADIENT                                                                                                 \
    const real *x, ACTIVATIONS, const real *theta, const real *log_sigma2, const real *dy, u32 dy_image, u32 dy_first,   \
        const real *dv_per_dy, real *dx, real *sums_of_blocks, GEOMETRY, u32 teams
#define GATHER(KERNEL, SAMPLED)                                                                                        \
    input_gradient<KERNEL, SAMPLED>(x, ACTIVATIONS_GIVEN, theta, log_sigma2, dy, dy_image, dy_first, dv_per_dy, dx,       \
        sums_of_blocks, GEOMETRY_GIVEN, i32(teams))

extern "C" __global__ void mean_any(INPUT_GRADIENT) { GATHER(0, false); }
extern "C" __global__ void mean_1(INPUT_GRADIENT) { GATHER(1, false); }
extern "C" __global__ void mean_3(INPUT_GRADIENT) { GATHER(3, false); }
extern "C" __global__ void mean_5(INPUT_GRADIENT) { GATHER(5, false); }
extern "C" __global__ void sampled_any(INPUT_GRADIENT) { GATHER(0, true); }
extern "C" __global__ void sampled_1(INPUT_GRADIENT) { GATHER(1, true); }
extern "C" __global__ void sampled_3(INPUT_GRADIENT) { GATHER(3, true); }
extern "C" __global__ void sampled_5(INPUT_GRADIENT) { GATHER(5, true); }
