// y = max(x, 0), in place; NaN stays NaN.
extern "C" __global__ void forward(real *x, u8 *positive, u32 n) {
    FOR_EACH(i, n) {
        positive[i] = x[i] > 0;
        x[i] = x[i] < 0 ? 0 : x[i];
    }
}

// dx = dy where x > 0, else 0; in place.
extern "C" __global__ void backward(real *dy, const u8 *positive, u32 n) {
    FOR_EACH(i, n) {
        dy[i] = positive[i] ? dy[i] : 0;
    }
}
