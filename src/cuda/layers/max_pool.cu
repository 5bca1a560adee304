// Whether a candidate replaces the current maximum: it is larger, or the first NaN.
DEVICE bool exceeds(real candidate, real maximum) {
    return candidate > maximum || (isnan(candidate) && !isnan(maximum));
}

// y, and the position of each maximum in its plane. `n` is the number of elements of y.
extern "C" __global__ void forward(const real *x, real *y, u32 *argmax, u32 n, POOL) {
    FOR_EACH(at, n) {
        Span columns = span(at % output_w, width, kernel_w, stride_w, padding_w, count_include_pad);
        Span rows = span(at / output_w % output_h, height, kernel_h, stride_h, padding_h, count_include_pad);
        const real *plane = x + size_t(at / output_w / output_h) * height * width;
        u32 best = rows.first * width + columns.first;
        for (u32 h = rows.first; h < rows.end; h++)
            for (u32 w = columns.first; w < columns.end; w++) {
                u32 pixel = h * width + w;
                if (exceeds(plane[pixel], plane[best])) best = pixel;
            }
        y[at] = plane[best];
        argmax[at] = best;
    }
}

// dx: each pixel adds up dy of the windows whose maximum it is, in the order of the windows. `n` is the number of
// elements of dx.
extern "C" __global__ void backward(const real *dy, const u32 *argmax, real *dx, u32 n, POOL) {
    FOR_EACH(at, n) {
        u32 w = at % width, h = at / width % height, plane = at / width / height;
        u32 first_p = first_window(h, kernel_h, stride_h, padding_h);
        u32 first_q = first_window(w, kernel_w, stride_w, padding_w);
        real sum = 0;
        for (u32 p = first_p; p < output_h && p * stride_h <= h + padding_h; p++)
            for (u32 q = first_q; q < output_w && q * stride_w <= w + padding_w; q++) {
                u32 window = (plane * output_h + p) * output_w + q;
                if (argmax[window] == h * width + w) sum += dy[window];
            }
        dx[at] = sum;
    }
}
