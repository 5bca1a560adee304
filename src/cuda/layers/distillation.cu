// Softmax and targets q of each row, and the loss and the mean negative log-likelihood of the labels: values (2). One
// block, whose threads process one row after another.
extern "C" __global__ void forward(const real *logits, const real *teacher_logits, const u32 *labels, real *softmax,
    real *targets, real *values, u32 batch, u32 classes, f64 share) {
    f64 loss = 0, nll = 0;
    for (u32 b = threadIdx.x; b < batch; b += THREADS) {
        size_t start = size_t(b) * classes;
        LogSoftmax student(logits + start, classes), teacher(teacher_logits + start, classes);
        for (u32 k = 0; k < classes; k++) {
            real log_softmax = student.of(k), target = real(share) * c_exp(teacher.of(k));
            if (k == labels[b]) {
                target += real(1 - share);
                nll -= (f64)log_softmax;
            }
            // A class of probability 0 does not count, even where the logarithm is −∞.
            if (target > 0) loss -= (f64)target * (f64)log_softmax;
            softmax[start + k] = c_exp(log_softmax);
            targets[start + k] = target;
        }
    }
    loss = block_sum(loss);
    if (threadIdx.x == 0) values[0] = real(loss / (f64)batch);
    nll = block_sum(nll);
    if (threadIdx.x == 0) values[1] = real(nll / (f64)batch);
}

extern "C" __global__ void backward(const real *softmax, const real *targets, const u32 *labels, real *dlogits, u32 n,
    u32 batch, u32 classes) {
    FOR_EACH(i, n) {
        u32 k = i % classes, row = i - k, label = labels[i / classes];
        real d = softmax[i] - targets[i];
        if (k == label) {
            f64 others = 0;
            for (u32 j = 0; j < classes; j++)
                if (j != label) others += (f64)(softmax[row + j] - targets[row + j]);
            d = real(0) - real(others);
        }
        dlogits[i] = d / real(batch);
    }
}
