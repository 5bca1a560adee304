// Computes two matrix products together, c1 = a1 b1 for the mean and c2 = a2 b2 for the variance, by tiles of SIDE ×
// SIDE in shared memory. A block computes one tile of c. Its threads form TEAMS teams; each team computes the whole
// tile, SQUARE × SQUARE elements per thread, for a share of the products. The teams' sums are added up in order.
//
// Blocks: (columns of c, rows of c).

constexpr i32 SIDE = 32, SQUARE = 4, TEAMS = 4;
constexpr i32 MEMBERS = i32(THREADS) / TEAMS, ACROSS = SIDE / SQUARE;
// The number of elements from each row of a tile to the next, so that the elements of a column are in different banks,
// and groups of SQUARE elements are aligned.
constexpr i32 STEP = SIDE + SQUARE;

struct Tiles {
    // a as [product][row], b as [product][column]; c is later written over them.
    real a1[SIDE * STEP], a2[SIDE * STEP], b1[SIDE * STEP], b2[SIDE * STEP];
};

// An element of a1 and of a2, or of b1 and of b2.
struct Pair {
    real of_mean, of_variance;
};

// `a(row, k)` and `b(k, column)` return pairs; `put(row, column, c1, c2)` stores a result. K_IS_INNER is whether k, and
// not the row or column, is the index of consecutive elements in memory.
template <bool A_K_IS_INNER, bool B_K_IS_INNER, class A, class B, class Put>
__device__ void products(Tiles &tiles, i32 rows, i32 columns, i32 depth, A a, B b, Put put) {
    i32 first_row = i32(blockIdx.y) * SIDE, first_column = i32(blockIdx.x) * SIDE;
    i32 team = i32(threadIdx.x) / MEMBERS, member = i32(threadIdx.x) % MEMBERS;
    i32 row = member / ACROSS * SQUARE, column = member % ACROSS * SQUARE;
    real c1[SQUARE][SQUARE], c2[SQUARE][SQUARE];
#pragma unroll
    for (i32 i = 0; i < SQUARE; i++)
#pragma unroll
        for (i32 j = 0; j < SQUARE; j++) c1[i][j] = c2[i][j] = 0;

    for (i32 first = 0; first < depth; first += SIDE) {
        __syncthreads();
#pragma unroll
        for (i32 e = i32(threadIdx.x); e < SIDE * SIDE; e += i32(THREADS)) {
            i32 inner = e % SIDE, outer = e / SIDE;
            i32 k = A_K_IS_INNER ? inner : outer, i = A_K_IS_INNER ? outer : inner;
            Pair of_a = first_row + i < rows && first + k < depth ? a(first_row + i, first + k) : Pair{0, 0};
            tiles.a1[k * STEP + i] = of_a.of_mean;
            tiles.a2[k * STEP + i] = of_a.of_variance;
            k = B_K_IS_INNER ? inner : outer;
            i32 j = B_K_IS_INNER ? outer : inner;
            Pair of_b = first_column + j < columns && first + k < depth ? b(first + k, first_column + j) : Pair{0, 0};
            tiles.b1[k * STEP + j] = of_b.of_mean;
            tiles.b2[k * STEP + j] = of_b.of_variance;
        }
        __syncthreads();
#pragma unroll
        for (i32 k = team; k < SIDE; k += TEAMS)
#pragma unroll
            for (i32 i = 0; i < SQUARE; i++)
#pragma unroll
                for (i32 j = 0; j < SQUARE; j++) {
                    c1[i][j] = fma(tiles.a1[k * STEP + row + i], tiles.b1[k * STEP + column + j], c1[i][j]);
                    c2[i][j] = fma(tiles.a2[k * STEP + row + i], tiles.b2[k * STEP + column + j], c2[i][j]);
                }
    }
    for (i32 of = 0; of < TEAMS; of++) {
        __syncthreads();
        if (team == of)
#pragma unroll
            for (i32 i = 0; i < SQUARE; i++)
#pragma unroll
                for (i32 j = 0; j < SQUARE; j++) {
                    i32 at = (row + i) * STEP + column + j;
                    tiles.a1[at] = of == 0 ? c1[i][j] : tiles.a1[at] + c1[i][j];
                    tiles.a2[at] = of == 0 ? c2[i][j] : tiles.a2[at] + c2[i][j];
                }
    }
    __syncthreads();
    for (i32 e = i32(threadIdx.x); e < SIDE * SIDE; e += i32(THREADS)) {
        i32 i = e / SIDE, j = e % SIDE;
        if (first_row + i < rows && first_column + j < columns)
            put(first_row + i, first_column + j, tiles.a1[i * STEP + j], tiles.a2[i * STEP + j]);
    }
}

// y and, if `sampled`, the factor from dy to dv, which is written over ε.
extern "C" __global__ void forward(const real *x, const real *theta, const real *log_sigma2, const real *bias, u32 biased,
    real *y, real *eps, u32 batch, u32 inputs, u32 outputs, u32 sampled) {
    __shared__ __align__(16) Tiles tiles;
    auto of_x = [=](i32 b, i32 i) {
        real value = x[size_t(b) * inputs + i];
        return Pair{value, value * value};
    };
    auto weights = [=](i32 i, i32 o) {
        size_t at = size_t(i) * outputs + o;
        return Pair{theta[at], sampled ? exp_in_loop(log_sigma2[at]) : real(0)};
    };
    products<true, false>(tiles, batch, outputs, inputs, of_x, weights, [=](i32 b, i32 o, real m, real v) {
        size_t at = size_t(b) * outputs + o;
        if (biased) m += bias[o];
        if (sampled) {
            real deviation = c_sqrt(v + real(V0)), noise = eps[at];
            m += deviation * noise;
            eps[at] = real(0.5) * noise / deviation;
        }
        y[at] = m;
    });
}

// dθ and, if `sampled`, dlnσ² = σ² dσ².
extern "C" __global__ void weight_gradient(const real *x, const real *log_sigma2, const real *dy, const real *dv_per_dy,
    real *dtheta, real *dlog_sigma2, u32 batch, u32 inputs, u32 outputs, u32 sampled) {
    __shared__ __align__(16) Tiles tiles;
    auto of_x = [=](i32 i, i32 b) {
        real value = x[size_t(b) * inputs + i];
        return Pair{value, value * value};
    };
    auto of_dy = [=](i32 b, i32 o) {
        size_t at = size_t(b) * outputs + o;
        return Pair{dy[at], sampled ? dv_per_dy[at] * dy[at] : real(0)};
    };
    products<false, false>(tiles, inputs, outputs, batch, of_x, of_dy, [=](i32 i, i32 o, real m, real v) {
        size_t at = size_t(i) * outputs + o;
        dtheta[at] = m;
        if (sampled) dlog_sigma2[at] = exp_in_loop(log_sigma2[at]) * v;
    });
}

// dx.
extern "C" __global__ void input_gradient(const real *x, const real *theta, const real *log_sigma2, const real *dy,
    const real *dv_per_dy, real *dx, u32 batch, u32 inputs, u32 outputs, u32 sampled) {
    __shared__ __align__(16) Tiles tiles;
    auto of_dy = [=](i32 b, i32 o) {
        size_t at = size_t(b) * outputs + o;
        return Pair{dy[at], sampled ? dv_per_dy[at] * dy[at] : real(0)};
    };
    auto weights = [=](i32 o, i32 i) {
        size_t at = size_t(i) * outputs + o;
        return Pair{theta[at], sampled ? exp_in_loop(log_sigma2[at]) : real(0)};
    };
    products<true, true>(tiles, batch, inputs, outputs, of_dy, weights, [=](i32 b, i32 i, real m, real v) {
        size_t at = size_t(b) * inputs + i;
        dx[at] = sampled ? m + 2 * x[at] * v : m;
    });
}
