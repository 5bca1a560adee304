// Lowers first[position] to the index of the first element that is not finite.
extern "C" __global__ void first_not_finite(const real *x, u32 *first, u32 position, u32 n) {
    FOR_EACH(i, n) {
        if (!is_finite(x[i])) atomicMin(&first[position], i);
    }
}
