// Computes dθ = Σ dm a and dlnσ² = σ² ⊙ Σ dv a², over the images and positions, where a is the activation of x, or x.
//
// A block processes tiles of TILE positions, `tile_h` × `tile_w` of one image, one after the other. It copies to shared
// memory dy and dv of the tile in OUTPUTS output channels, and the activations of the pixels in some input channels
// that the tile's windows cover. A thread sums OWN products for each output channel in registers: a row of the kernel
// in one input channel or, for 1 × 1 kernels, OWN input channels. The positions of a tile are divided among `teams` of
// threads.
//
// Blocks: (shares of the tiles, input channels of a group, groups · output channels of a group). `combine` adds up the
// sums of the shares in order.

constexpr i32 OUTPUTS = 12, TILE = 32;
// The elements of shared memory for pixels and for dy.
constexpr i32 PIXELS = 4160, DY = 2 * OUTPUTS * TILE;
// The input channels of a thread for 1 × 1 kernels.
constexpr i32 CHANNELS_OF_ONE = 3;

// How the sum is divided into tiles: see weight_gradient.rs, which computes these numbers.
struct Tiles {
    // Positions of a tile in each direction; input channels of a block (products, for any window); teams; tiles of a
    // share.
    i32 tile_h, tile_w, channels, teams, in_share;
    // The number of elements of shared memory from each row of pixels, and from each channel, to the next.
    i32 row_step, channel_step;
};
#define TILES u32 tile_h, u32 tile_w, u32 block_channels, u32 teams, u32 in_share, u32 row_step, u32 channel_step
#define TILES_GIVEN                                                                                                    \
    Tiles { i32(tile_h), i32(tile_w), i32(block_channels), i32(teams), i32(in_share), i32(row_step), i32(channel_step) }

struct Operands {
    const real *x, *dy, *dv_per_dy;
    // The number of elements from each image of dy to the next, and the first channel of dy.
    u32 dy_image, dy_first;
};

// The place of a tile: its image and first position.
struct Place {
    i32 b, p, q;

    __device__ Place(i32 tile, const Geometry &g, const Tiles &tiles) {
        i32 across = (g.output_w + tiles.tile_w - 1) / tiles.tile_w, down = (g.output_h + tiles.tile_h - 1) / tiles.tile_h;
        q = tile % across * tiles.tile_w;
        p = tile / across % down * tiles.tile_h;
        b = tile / across / down;
    }
};

// Copies dy and dv of a tile, as [position][dm, dv][output]; 0 outside the image.
template <bool SAMPLED>
__device__ void lay_out_dy(real *to, const Operands &operands, const Geometry &g, const Tiles &tiles, const Place &place,
    i32 group, i32 first_output, i32 outputs) {
    for (i32 e = i32(threadIdx.x); e < OUTPUTS * TILE; e += i32(THREADS)) {
        i32 o = e / TILE, position = e % TILE;
        i32 p = place.p + position / tiles.tile_w, q = place.q + position % tiles.tile_w;
        real dm = 0, dv = 0;
        if (o < outputs && p < g.output_h && q < g.output_w) {
            size_t at = size_t(group * g.outputs + first_output + o) * g.positions() + p * g.output_w + q;
            dm = operands.dy[size_t(place.b) * operands.dy_image + size_t(operands.dy_first) * g.positions() + at];
            if (SAMPLED) dv = dm * operands.dv_per_dy[size_t(place.b) * g.groups * g.outputs * g.positions() + at];
        }
        to[position * 2 * OUTPUTS + o] = dm;
        to[position * 2 * OUTPUTS + OUTPUTS + o] = dv;
    }
}

template <i32 OWN> struct Sums {
    real m[OWN][OUTPUTS], v[OWN][OUTPUTS];
};

template <i32 OWN, bool SAMPLED>
__device__ __forceinline__ void add(Sums<OWN> &sums, i32 own, real a, const real *dy) {
    real a2 = a * a;
#pragma unroll
    for (i32 o = 0; o < OUTPUTS; o++) {
        sums.m[own][o] = fma(dy[o], a, sums.m[own][o]);
        if (SAMPLED) sums.v[own][o] = fma(dy[OUTPUTS + o], a2, sums.v[own][o]);
    }
}

// KERNEL 0 is the version for any window, with one product per thread. `sums_of_shares` is (shares, [dθ, dσ²],
// weights).
template <i32 KERNEL, bool SAMPLED>
__device__ void weight_gradient(const Operands &operands, const Activations &activations, real *sums_of_shares,
    const Geometry &g, const Tiles &tiles) {
    constexpr i32 OWN = KERNEL == 0 ? 1 : KERNEL == 1 ? CHANNELS_OF_ONE : KERNEL;
    __shared__ real pixels[PIXELS];
    __shared__ __align__(16) real dy[DY];
    i32 blocks_of_outputs = (g.outputs + OUTPUTS - 1) / OUTPUTS;
    i32 group = i32(blockIdx.z) / blocks_of_outputs, first_output = i32(blockIdx.z) % blocks_of_outputs * OUTPUTS;
    i32 outputs = min(OUTPUTS, g.outputs - first_output);
    i32 first_channel = KERNEL == 0 ? 0 : i32(blockIdx.y) * tiles.channels;
    i32 channels = KERNEL == 0 ? g.channels : min(tiles.channels, g.channels - first_channel);
    u32 of_group = group * g.channels + first_channel;

    // The products of the thread: with KERNEL 0 tap `own` of a channel, with KERNEL 1 channels member + n · members,
    // else row `own` of a channel.
    i32 rows = KERNEL == 0 ? g.taps() : KERNEL == 1 ? 1 : KERNEL;
    i32 members = KERNEL == 1 ? (tiles.channels + OWN - 1) / OWN : KERNEL == 0 ? tiles.channels : tiles.channels * rows;
    i32 team = i32(threadIdx.x) / members, member = i32(threadIdx.x) % members;
    i32 row_of_all = KERNEL == 0 ? i32(blockIdx.y) * tiles.channels + member : member;
    i32 channel = row_of_all / rows, own = row_of_all % rows;
    bool takes_part = team < tiles.teams;
    i32 length = TILE / tiles.teams;
    Sums<OWN> sums;
#pragma unroll
    for (i32 n = 0; n < OWN; n++)
#pragma unroll
        for (i32 o = 0; o < OUTPUTS; o++) sums.m[n][o] = sums.v[n][o] = 0;

    i32 across = (g.output_w + tiles.tile_w - 1) / tiles.tile_w, down = (g.output_h + tiles.tile_h - 1) / tiles.tile_h;
    i32 end = min(i32(blockIdx.x + 1) * tiles.in_share, g.batch * across * down);
    for (i32 tile = i32(blockIdx.x) * tiles.in_share; tile < end; tile++) {
        Place place(tile, g, tiles);
        const real *image =
            operands.x + size_t(place.b) * g.x_image + size_t(g.x_first + of_group) * g.pixels();
        __syncthreads();
        lay_out_dy<SAMPLED>(dy, operands, g, tiles, place, group, first_output, outputs);
        if constexpr (KERNEL != 0) {
            i32 seen_h = tiles.tile_h + KERNEL - 1, seen_w = tiles.tile_w + KERNEL - 1;
            // The thread's pixels are THREADS apart; additions update the indices without divisions.
            i32 j = i32(threadIdx.x) % seen_w, i = i32(threadIdx.x) / seen_w % seen_h;
            i32 c = i32(threadIdx.x) / seen_w / seen_h;
            i32 next_j = i32(THREADS) % seen_w, next_i = i32(THREADS) / seen_w % seen_h;
            i32 next_c = i32(THREADS) / seen_w / seen_h;
            while (c < tiles.channels) {
                i32 h = place.p + i - g.padding_h, w = place.q + j - g.padding_w;
                bool inside = c < channels && u32(h) < u32(g.height) && u32(w) < u32(g.width);
                real a = inside ? activations.of(of_group + c).value(image[size_t(c) * g.pixels() + h * g.width + w])
                                : real(0);
                pixels[c * tiles.channel_step + i * tiles.row_step + j] = a;
                j += next_j;
                bool carries = j >= seen_w;
                j -= carries ? seen_w : 0;
                i += next_i + carries;
                carries = i >= seen_h;
                i -= carries ? seen_h : 0;
                c += next_c + carries;
            }
        }
        __syncthreads();
        if (!takes_part) continue;
        if constexpr (KERNEL == 0) {
            if (channel >= channels) continue;
            Activation activation = activations.of(of_group + channel);
            i32 i = own / g.kernel_w, j = own % g.kernel_w;
            for (i32 position = team * length; position < (team + 1) * length; position++) {
                i32 p = place.p + position / tiles.tile_w, q = place.q + position % tiles.tile_w;
                i32 h = p * g.stride_h + i * g.dilation_h - g.padding_h;
                i32 w = q * g.stride_w + j * g.dilation_w - g.padding_w;
                // dy is 0 outside the image, but pixels outside must not be read.
                bool inside = p < g.output_h && q < g.output_w && u32(h) < u32(g.height) && u32(w) < u32(g.width);
                real a = inside ? activation.value(image[size_t(channel) * g.pixels() + h * g.width + w]) : real(0);
                add<OWN, SAMPLED>(sums, 0, a, dy + position * 2 * OUTPUTS);
            }
        } else if constexpr (KERNEL == 1) {
            for (i32 position = team * length; position < (team + 1) * length; position++) {
                i32 at = position / tiles.tile_w * tiles.row_step + position % tiles.tile_w;
#pragma unroll
                for (i32 n = 0; n < OWN; n++) {
                    // Beyond the block's channels this reads undefined elements, but the sum is not stored.
                    real a = pixels[(member + n * members) * tiles.channel_step + at];
                    add<OWN, SAMPLED>(sums, n, a, dy + position * 2 * OUTPUTS);
                }
            }
        } else {
            // A team sums over a part of one row of the tile, or over several rows; the window slides along each row.
            i32 start = team * length;
            for (i32 run = 0; run < length; run += min(length, tiles.tile_w)) {
                i32 first = start + run;
                const real *row = pixels + channel * tiles.channel_step + (first / tiles.tile_w + own) * tiles.row_step
                    + first % tiles.tile_w;
                real window[KERNEL];
#pragma unroll
                for (i32 j = 0; j + 1 < KERNEL; j++) window[j + 1] = row[j];
                for (i32 step = 0; step < min(length, tiles.tile_w); step++) {
#pragma unroll
                    for (i32 j = 0; j + 1 < KERNEL; j++) window[j] = window[j + 1];
                    window[KERNEL - 1] = row[step + KERNEL - 1];
#pragma unroll
                    for (i32 j = 0; j < KERNEL; j++)
                        add<OWN, SAMPLED>(sums, j, window[j], dy + (first + step) * 2 * OUTPUTS);
                }
            }
        }
    }

    // The teams' sums are added in order to those of the first team, one product at a time.
    size_t weights = size_t(g.groups) * g.outputs * g.fan_in();
#pragma unroll
    for (i32 n = 0; n < OWN; n++) {
        for (i32 of = 1; of < tiles.teams; of++) {
            __syncthreads();
            if (team == of)
#pragma unroll
                for (i32 o = 0; o < OUTPUTS; o++) {
                    // The pixels are no longer needed.
                    pixels[o * members + member] = sums.m[n][o];
                    if (SAMPLED) pixels[(OUTPUTS + o) * members + member] = sums.v[n][o];
                }
            __syncthreads();
            if (team == 0)
#pragma unroll
                for (i32 o = 0; o < OUTPUTS; o++) {
                    sums.m[n][o] += pixels[o * members + member];
                    if (SAMPLED) sums.v[n][o] += pixels[(OUTPUTS + o) * members + member];
                }
        }
        i32 c = KERNEL == 1 ? member + n * members : channel;
        i32 tap = KERNEL == 0 ? own : KERNEL == 1 ? 0 : own * KERNEL + n;
        if (team != 0 || c >= channels) continue;
#pragma unroll
        for (i32 o = 0; o < OUTPUTS; o++) {
            if (o >= outputs) continue;
            size_t weight = size_t(group * g.outputs + first_output + o) * g.fan_in() + (first_channel + c) * g.taps() + tap;
            sums_of_shares[size_t(blockIdx.x) * 2 * weights + weight] = sums.m[n][o];
            if (SAMPLED) sums_of_shares[(size_t(blockIdx.x) * 2 + 1) * weights + weight] = sums.v[n][o];
        }
    }
}

#define WEIGHT_GRADIENT                                                                                                \
    const real *x, ACTIVATIONS, const real *dy, u32 dy_image, u32 dy_first, const real *dv_per_dy, real *sums_of_shares,  \
        GEOMETRY, TILES
#define CORRELATE(KERNEL, SAMPLED)                                                                                     \
    weight_gradient<KERNEL, SAMPLED>(Operands{x, dy, dv_per_dy, dy_image, dy_first}, ACTIVATIONS_GIVEN, sums_of_shares,   \
        GEOMETRY_GIVEN, TILES_GIVEN)

extern "C" __global__ void mean_any(WEIGHT_GRADIENT) { CORRELATE(0, false); }
extern "C" __global__ void mean_1(WEIGHT_GRADIENT) { CORRELATE(1, false); }
extern "C" __global__ void mean_3(WEIGHT_GRADIENT) { CORRELATE(3, false); }
extern "C" __global__ void mean_5(WEIGHT_GRADIENT) { CORRELATE(5, false); }
extern "C" __global__ void sampled_any(WEIGHT_GRADIENT) { CORRELATE(0, true); }
extern "C" __global__ void sampled_1(WEIGHT_GRADIENT) { CORRELATE(1, true); }
extern "C" __global__ void sampled_3(WEIGHT_GRADIENT) { CORRELATE(3, true); }
extern "C" __global__ void sampled_5(WEIGHT_GRADIENT) { CORRELATE(5, true); }

// dθ and, if `sampled`, dlnσ² = σ² dσ², from the sums of the shares. One block for
// 32 columns: see Column.
extern "C" __global__ void combine(const real *sums_of_shares, const real *log_sigma2, real *dtheta, real *dlog_sigma2,
    u32 weights, u32 shares, u32 sampled) {
    __shared__ real sums[THREADS];
    Column weight(weights);
    real m = weight.sum(sums, sums_of_shares, shares, size_t(2) * weights);
    real v = sampled ? weight.sum(sums, sums_of_shares + weights, shares, size_t(2) * weights) : real(0);
    if (!weight.stores) return;
    dtheta[weight.at] = m;
    if (sampled) dlog_sigma2[weight.at] = c_exp(log_sigma2[weight.at]) * v;
}

// db of each output channel, one block per channel.
extern "C" __global__ void bias_gradient(const real *dy, real *dbias, u32 batch, u32 outputs, u32 positions) {
    u32 o = blockIdx.x;
    LongSum<real> sum;
    for (u32 n = threadIdx.x; n < batch * positions; n += THREADS)
        sum.add(dy[(size_t(n / positions) * outputs + o) * positions + n % positions]);
    f64 of_all = block_sum(sum.total());
    if (threadIdx.x == 0) dbias[o] = real(of_all);
}
