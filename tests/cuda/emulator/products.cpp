// libcublas for a machine without a GPU: the products by their definition, columns first.

#include <cstdlib>
#include <cmath>

namespace {

template <class T>
int products(bool transpose_a, bool transpose_b, int m, int n, int k, T alpha, const T *a, int lda, long long stride_a,
    const T *b, int ldb, long long stride_b, T beta, T *c, int ldc, long long stride_c, int count) {
    for (; count > 0; count--, a += stride_a, b += stride_b, c += stride_c)
        for (int j = 0; j < n; j++)
            for (int i = 0; i < m; i++) {
                T sum = 0;
                for (int l = 0; l < k; l++)
                    sum += (transpose_a ? a[i * lda + l] : a[l * lda + i]) * (transpose_b ? b[l * ldb + j] : b[j * ldb + l]);
                // What c held must not be read where beta is 0.
                T *to = &c[j * ldc + i];
                *to = beta == 0 ? alpha * sum : alpha * sum + beta * *to;
            }
    return 0;
}

} // namespace

extern "C" {

int cublasCreate_v2(void **handle) {
    *handle = malloc(1);
    return 0;
}

int cublasDestroy_v2(void *handle) {
    free(handle);
    return 0;
}

int cublasSetStream_v2(void *, void *) { return 0; }
int cublasSetMathMode(void *, int) { return 0; }
int cublasSetWorkspace_v2(void *, void *, size_t) { return 0; }

int cublasSgemmStridedBatched(void *, int transpose_a, int transpose_b, int m, int n, int k, const float *alpha,
    const float *a, int lda, long long stride_a, const float *b, int ldb, long long stride_b, const float *beta, float *c,
    int ldc, long long stride_c, int count) {
    return products(transpose_a, transpose_b, m, n, k, *alpha, a, lda, stride_a, b, ldb, stride_b, *beta, c, ldc, stride_c,
        count);
}

int cublasDgemmStridedBatched(void *, int transpose_a, int transpose_b, int m, int n, int k, const double *alpha,
    const double *a, int lda, long long stride_a, const double *b, int ldb, long long stride_b, const double *beta,
    double *c, int ldc, long long stride_c, int count) {
    return products(transpose_a, transpose_b, m, n, k, *alpha, a, lda, stride_a, b, ldb, stride_b, *beta, c, ldc, stride_c,
        count);
}

} // extern "C"
