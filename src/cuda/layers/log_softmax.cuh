// ln softmax of a row of logits: layers::softmax_nll::log_softmax.
struct LogSoftmax {
    const real *row;
    u32 first; // the position of the largest logit
    real log_total;

    __device__ LogSoftmax(const real *row, u32 classes) : row(row), first(0) {
        // As on the CPU, the maximum ignores NaN.
        for (u32 k = 1; k < classes; k++)
            if (isnan(row[first]) || row[k] > row[first]) first = k;
        f64 others = 0;
        for (u32 k = 0; k < classes; k++)
            if (k != first) others += (f64)c_exp(row[k] - row[first]);
        log_total = c_ln_1p(real(others));
    }

    __device__ real of(u32 k) const { return (row[k] - row[first]) - log_total; }
};
