// The label of an image that is ignored.
constexpr u32 IGNORED = 0xFFFFFFFFu;

// w ln p; 0 for a class of weight 0, also where the logarithm is −∞. A NaN stays a NaN.
DEVICE f64 weighted(real w, real log) {
    return w == 0 && log == log ? 0 : (f64)w * (f64)log;
}

// Softmax of each row, and the mean negative log-likelihood of the labels. One block, whose threads process one row
// after another.
extern "C" __global__ void forward(const real *logits, const u32 *labels, const real *class_weights, real *softmax,
    real *nll, u32 batch, u32 classes, f64 smoothing, f64 total) {
    f64 sum = 0;
    for (u32 b = threadIdx.x; b < batch; b += THREADS) {
        LogSoftmax row(logits + size_t(b) * classes, classes);
        real *out = softmax + size_t(b) * classes;
        f64 of_all = 0;
        for (u32 k = 0; k < classes; k++) {
            real log_softmax = row.of(k);
            if (k == labels[b]) sum -= (1 - smoothing) * weighted(class_weights[k], log_softmax);
            of_all += weighted(class_weights[k], log_softmax);
            out[k] = c_exp(log_softmax);
        }
        if (smoothing > 0 && labels[b] != IGNORED) sum -= smoothing / (f64)classes * of_all;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) *nll = real(sum / total);
}

// The gradient of the loss with respect to the logit of a class that is not the label, times W.
DEVICE real of_other(real softmax, real weight, f64 smoothing, u32 classes, real q_sum) {
    return softmax * q_sum - real(smoothing / (f64)classes * (f64)weight);
}

// dlogits. `spread` is Σ_k w_k s/K, `total` W.
extern "C" __global__ void backward(const real *softmax, const u32 *labels, const real *class_weights, real *dlogits,
    u32 n, u32 classes, f64 smoothing, f64 spread, f64 total) {
    FOR_EACH(i, n) {
        u32 k = i % classes, label = labels[i / classes];
        const real *row = softmax + (i - k);
        if (label == IGNORED) {
            dlogits[i] = 0;
            continue;
        }
        real q_sum = real((1 - smoothing) * (f64)class_weights[label] + spread);
        real d = of_other(row[k], class_weights[k], smoothing, classes, q_sum);
        if (k == label) {
            f64 others = 0;
            for (u32 j = 0; j < classes; j++)
                if (j != label) others += (f64)of_other(row[j], class_weights[j], smoothing, classes, q_sum);
            d = real(0) - real(others);
        }
        dlogits[i] = d / real(total);
    }
}
