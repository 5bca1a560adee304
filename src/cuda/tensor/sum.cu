// sums[first + column] = Σ over rows of x (rows, columns), one block a column, in a fixed order.

template <class T>
__device__ void sum_columns(const T *x, T *sums, u32 first, u32 rows, u32 columns) {
    u32 column = blockIdx.x;
    T sum = 0;
    for (u32 row = threadIdx.x; row < rows; row += THREADS) sum += x[row * columns + column];
    sum = block_sum(sum);
    if (threadIdx.x == 0) sums[first + column] = sum;
}

extern "C" __global__ void columns(const real *x, real *sums, u32 first, u32 rows, u32 columns) {
    sum_columns(x, sums, first, rows, columns);
}

extern "C" __global__ void columns_in_f64(const f64 *x, f64 *sums, u32 first, u32 rows, u32 columns) {
    sum_columns(x, sums, first, rows, columns);
}
