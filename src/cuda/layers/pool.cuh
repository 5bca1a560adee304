// layers/pool on the device: the windows of pooling. Sizes, strides and paddings are below 2³⁰, so that their sums fit
// into words.

#define POOL                                                                                                           \
    u32 height, u32 width, u32 output_h, u32 output_w, u32 kernel_h, u32 kernel_w, u32 stride_h, u32 stride_w,          \
        u32 padding_h, u32 padding_w, u32 count_include_pad

// The pixels of a window along one axis, and the number of them that the divisor of an average counts.
struct Span {
    u32 first, end, counted;
};

DEVICE Span span(u32 p, u32 size, u32 kernel, u32 stride, u32 padding, u32 count_include_pad) {
    u32 first = p * stride, end = first + kernel, image_end = size + padding, padded = size + 2 * padding;
    Span span;
    span.first = first > padding ? first - padding : 0;
    span.end = (end < image_end ? end : image_end) - padding;
    span.counted = count_include_pad ? (end < padded ? end : padded) - first : span.end - span.first;
    return span;
}

// The first of the windows that contain a pixel; the last of them begins at or before the pixel.
DEVICE u32 first_window(u32 pixel, u32 kernel, u32 stride, u32 padding) {
    return pixel + padding < kernel ? 0 : (pixel + padding - kernel) / stride + 1;
}
