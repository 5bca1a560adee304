// Sums by lanes: thread t of a block is on lane t % lanes, a power of two of them.

#ifdef __CUDACC__

// The sum of the values of all threads of the same lane, in a fixed order; `sums` is shared, of THREADS elements.
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

// Columns of a matrix, LANES of them a block: each thread has every ROWS-th row of one.
struct Column {
    static constexpr u32 LANES = 32, ROWS = THREADS / LANES;
    // The column, and whether there is one; whether the thread is the one that stores what became of it.
    u32 at;
    bool exists, stores;

    __device__ Column(u32 columns) {
        at = blockIdx.x * LANES + threadIdx.x % LANES;
        exists = at < columns;
        stores = exists && threadIdx.x < LANES;
    }

    // Σ over `rows` of the column, row r being at x[r · step + at].
    __device__ real sum(real *sums, const real *x, u32 rows, size_t step) const {
        LongSum<real> sum;
        if (exists)
            for (u32 row = threadIdx.x / LANES; row < rows; row += ROWS) sum.add(x[row * step + at]);
        return lane_sum(sums, real(sum.total()), LANES);
    }
};

#endif
