// y = share · Σ x. `n` counts y.
extern "C" __global__ void forward(const real *x, real *y, u32 n, u32 height, u32 width, u32 output_h, u32 output_w,
    u32 kernel_h, u32 kernel_w, u32 stride_h, u32 stride_w) {
    real share = real(1) / real(kernel_h * kernel_w);
    FOR_EACH(at, n) {
        u32 q = at % output_w, p = at / output_w % output_h;
        const real *plane = x + size_t(at / output_w / output_h) * height * width;
        real sum = 0;
        for (u32 i = 0; i < kernel_h; i++)
            for (u32 j = 0; j < kernel_w; j++) sum += plane[(p * stride_h + i) * width + q * stride_w + j];
        y[at] = sum * share;
    }
}

// dx, gathered: the sum over the windows that hold the pixel, in the order of rows and of the kernel's columns. `n` counts dx.
extern "C" __global__ void backward(const real *dy, real *dx, u32 n, u32 height, u32 width, u32 output_h, u32 output_w,
    u32 kernel_h, u32 kernel_w, u32 stride_h, u32 stride_w) {
    real share = real(1) / real(kernel_h * kernel_w);
    FOR_EACH(at, n) {
        u32 w = at % width, h = at / width % height, plane = at / width / height;
        u32 first_p = h < kernel_h ? 0 : (h - kernel_h) / stride_h + 1, first_q = w < kernel_w ? 0 : (w - kernel_w) / stride_w + 1;
        u32 end_q = min(w / stride_w + 1, output_w);
        real sum = 0;
        for (u32 p = first_p; p < output_h && p * stride_h <= h; p++)
            for (u32 q = end_q; q > first_q; q--) sum += share * dy[(plane * output_h + p) * output_w + q - 1];
        dx[at] = sum;
    }
}
