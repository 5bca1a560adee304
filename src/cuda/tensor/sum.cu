// sums[first + column] = Σ over rows of x (rows, columns), one block per column, in a fixed order.

template <class T>
__device__ void sum_columns(const T *x, T *sums, u32 first, u32 rows, u32 columns) {
    u32 column = blockIdx.x;
    LongSum<T> sum;
    for (u32 row = threadIdx.x; row < rows; row += THREADS) sum.add(x[row * columns + column]);
    f64 of_all = block_sum(sum.total());
    if (threadIdx.x == 0) sums[first + column] = T(of_all);
}

extern "C" __global__ void columns(const real *x, real *sums, u32 first, u32 rows, u32 columns) {
    sum_columns(x, sums, first, rows, columns);
}

extern "C" __global__ void columns_in_f64(const f64 *x, f64 *sums, u32 first, u32 rows, u32 columns) {
    sum_columns(x, sums, first, rows, columns);
}
