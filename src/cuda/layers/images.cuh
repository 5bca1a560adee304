// The parts that the kernels of convolutions share: the geometry, and normalization with ReLU before the convolution
// (layers/pre_activation).

#ifdef __CUDACC__

// The geometry of one group: channels and outputs are those of the group. Images of x are `x_image` elements apart, and
// its channels begin at channel `x_first`.
struct Geometry {
    i32 batch, groups, channels, height, width, outputs, output_h, output_w;
    i32 kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w;
    u32 x_image, x_first;

    __device__ i32 taps() const { return kernel_h * kernel_w; }
    // The number of products in an element of y.
    __device__ i32 fan_in() const { return channels * taps(); }
    __device__ i32 pixels() const { return height * width; }
    __device__ i32 positions() const { return output_h * output_w; }
};

#define GEOMETRY                                                                                                       \
    u32 batch, u32 groups, u32 channels, u32 height, u32 width, u32 outputs, u32 output_h, u32 output_w, u32 kernel_h,  \
        u32 kernel_w, u32 stride_h, u32 stride_w, u32 padding_h, u32 padding_w, u32 dilation_h, u32 dilation_w,         \
        u32 x_image, u32 x_first
#define GEOMETRY_GIVEN                                                                                                 \
    Geometry {                                                                                                         \
        i32(batch), i32(groups), i32(channels), i32(height), i32(width), i32(outputs), i32(output_h), i32(output_w),    \
            i32(kernel_h), i32(kernel_w), i32(stride_h), i32(stride_w), i32(padding_h), i32(padding_w),                 \
            i32(dilation_h), i32(dilation_w), x_image, x_first                                                          \
    }

// a = max(γ x̂ + β, 0) of one channel, or a = x.
struct Activation {
    bool activated;
    real mean, inverse_deviation, gamma, beta;

    __device__ real normalized(real x) const { return (x - mean) * inverse_deviation; }

    __device__ real value(real x) const {
        if (!activated) return x;
        real y = gamma * normalized(x) + beta;
        return y < 0 ? real(0) : y;
    }
};

// The activations of all channels.
struct Activations {
    const real *mean, *inverse_deviation, *gamma, *beta;
    u32 activated;

    __device__ Activation of(u32 channel) const {
        if (!activated) return {false, 0, 0, 0, 0};
        return {true, mean[channel], inverse_deviation[channel], gamma[channel], beta[channel]};
    }
};

#define ACTIVATIONS const real *mean, const real *inverse_deviation, const real *gamma, const real *beta, u32 activated
#define ACTIVATIONS_GIVEN                                                                                              \
    Activations { mean, inverse_deviation, gamma, beta, activated }

#endif
