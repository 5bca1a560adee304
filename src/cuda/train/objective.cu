// gradient += scale · addend
extern "C" __global__ void add_scaled(real *gradient, const real *addend, real scale, u32 n) {
    FOR_EACH(i, n) {
        gradient[i] += scale * addend[i];
    }
}
