// Softmax of each row and the mean negative log-likelihood of the labels; one block, whose threads take row after row.
extern "C" __global__ void forward(
    const real *logits, const u32 *labels, real *softmax, real *nll, u32 batch, u32 classes) {
    real sum = 0;
    for (u32 b = threadIdx.x; b < batch; b += THREADS) {
        const real *row = logits + size_t(b) * classes;
        real *out = softmax + size_t(b) * classes;
        // As the CPU's, the maximum passes over NaN.
        real highest = row[0];
        for (u32 k = 1; k < classes; k++) highest = isnan(highest) || row[k] > highest ? row[k] : highest;
        real total = 0;
        for (u32 k = 0; k < classes; k++) total += c_exp(row[k] - highest);
        real log_total = c_ln(total);
        for (u32 k = 0; k < classes; k++) {
            real log_softmax = (row[k] - highest) - log_total;
            if (k == labels[b]) sum -= log_softmax;
            out[k] = c_exp(log_softmax);
        }
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) *nll = sum / real(batch);
}

// dlogits.
extern "C" __global__ void backward(const real *softmax, const u32 *labels, real *dlogits, u32 n, u32 batch, u32 classes) {
    FOR_EACH(i, n) {
        real share = softmax[i];
        if (i % classes == labels[i / classes]) share -= 1;
        dlogits[i] = share / real(batch);
    }
}
