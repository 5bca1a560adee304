// Sums by lanes: thread t of a block is in lane t % lanes; the number of lanes is a power of two.

#ifdef __CUDACC__

// The sum of the values of all threads of the same lane, in a fixed order; `sums` is in shared memory, with THREADS
// elements.
__device__ real lane_sum(real *sums, real value, u32 lanes) {
    __syncthreads();
    sums[threadIdx.x] = value;
    __syncthreads();
    for (u32 half = THREADS / 2; half >= lanes; half /= 2) {
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
        __syncthreads();
    }
    return sums[threadIdx.x % lanes];
}

// Columns of a matrix, LANES columns per block: each thread sums every ROWS-th row of one column.
struct Column {
    static constexpr u32 LANES = 32, ROWS = THREADS / LANES;
    // The column, whether it exists, and whether this thread stores its result.
    u32 at;
    bool exists, stores;

    __device__ Column(u32 columns) {
        at = blockIdx.x * LANES + threadIdx.x % LANES;
        exists = at < columns;
        stores = exists && threadIdx.x < LANES;
    }

    // Σ over `rows` rows of the column; row r is at x[r · step + at].
    __device__ real sum(real *sums, const real *x, u32 rows, size_t step) const {
        LongSum<real> sum;
        if (exists)
            for (u32 row = threadIdx.x / LANES; row < rows; row += ROWS) sum.add(x[row * step + at]);
        return lane_sum(sums, real(sum.total()), LANES);
    }
};

#endif
