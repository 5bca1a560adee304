// Whether a candidate replaces the maximum so far: it is larger, or the first NaN.
DEVICE bool exceeds(real candidate, real maximum) {
    return candidate > maximum || (isnan(candidate) && !isnan(maximum));
}

// y and the position of each maximum in its plane. `n` counts y.
extern "C" __global__ void forward(const real *x, real *y, u32 *argmax, u32 n, u32 height, u32 width, u32 output_h,
    u32 output_w, u32 kernel_h, u32 kernel_w, u32 stride_h, u32 stride_w) {
    FOR_EACH(at, n) {
        u32 q = at % output_w, p = at / output_w % output_h;
        const real *plane = x + size_t(at / output_w / output_h) * height * width;
        u32 best = p * stride_h * width + q * stride_w;
        for (u32 i = 0; i < kernel_h; i++)
            for (u32 j = 0; j < kernel_w; j++) {
                u32 pixel = (p * stride_h + i) * width + q * stride_w + j;
                if (exceeds(plane[pixel], plane[best])) best = pixel;
            }
        y[at] = plane[best];
        argmax[at] = best;
    }
}

// dx, gathered: each pixel adds up dy of the windows whose maximum it is, in their order. `n` counts dx.
extern "C" __global__ void backward(const real *dy, const u32 *argmax, real *dx, u32 n, u32 height, u32 width,
    u32 output_h, u32 output_w, u32 kernel_h, u32 kernel_w, u32 stride_h, u32 stride_w) {
    FOR_EACH(at, n) {
        u32 w = at % width, h = at / width % height, plane = at / width / height;
        // The windows that hold the pixel: p · stride ≤ h < p · stride + kernel.
        u32 first_p = h < kernel_h ? 0 : (h - kernel_h) / stride_h + 1, first_q = w < kernel_w ? 0 : (w - kernel_w) / stride_w + 1;
        real sum = 0;
        for (u32 p = first_p; p < output_h && p * stride_h <= h; p++)
            for (u32 q = first_q; q < output_w && q * stride_w <= w; q++) {
                u32 window = (plane * output_h + p) * output_w + q;
                if (argmax[window] == h * width + w) sum += dy[window];
            }
        dx[at] = sum;
    }
}
