// y = Σ x / count, summed in f64, column by column of the window. `n` is the number of elements of y.
extern "C" __global__ void forward(const real *x, real *y, u32 n, POOL) {
    FOR_EACH(at, n) {
        Span columns = span(at % output_w, width, kernel_w, stride_w, padding_w, count_include_pad);
        Span rows = span(at / output_w % output_h, height, kernel_h, stride_h, padding_h, count_include_pad);
        const real *plane = x + size_t(at / output_w / output_h) * height * width;
        f64 sum = 0;
        for (u32 w = columns.first; w < columns.end; w++) {
            f64 of_column = 0;
            for (u32 h = rows.first; h < rows.end; h++) of_column += (f64)plane[h * width + w];
            sum += of_column;
        }
        y[at] = real(sum / ((f64)rows.counted * (f64)columns.counted));
    }
}

// dx: each pixel sums over the windows that contain it; each row of windows is summed first. `n` is the number of
// elements of dx.
extern "C" __global__ void backward(const real *dy, real *dx, u32 n, POOL) {
    FOR_EACH(at, n) {
        u32 w = at % width, h = at / width % height, plane = at / width / height;
        u32 first_p = first_window(h, kernel_h, stride_h, padding_h);
        u32 first_q = first_window(w, kernel_w, stride_w, padding_w);
        real sum = 0;
        for (u32 p = first_p; p < output_h && p * stride_h <= h + padding_h; p++) {
            Span rows = span(p, height, kernel_h, stride_h, padding_h, count_include_pad);
            real of_row = 0;
            for (u32 q = first_q; q < output_w && q * stride_w <= w + padding_w; q++) {
                Span columns = span(q, width, kernel_w, stride_w, padding_w, count_include_pad);
                of_row += dy[(plane * output_h + p) * output_w + q] / real((f64)rows.counted * (f64)columns.counted);
            }
            sum += of_row;
        }
        dx[at] = sum;
    }
}
