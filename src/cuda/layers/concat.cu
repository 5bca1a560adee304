// Copies images of `image` consecutive elements into channels of larger images, or out of them: element e of image b is
// copied from from[b · from_image + from_first + e] to to[b · to_image + to_first + e].
extern "C" __global__ void copy_channels(
    const real *from, real *to, u32 n, u32 image, u32 from_image, u32 from_first, u32 to_image, u32 to_first) {
    FOR_EACH(i, n) {
        u32 b = i / image, e = i % image;
        to[size_t(b) * to_image + to_first + e] = from[size_t(b) * from_image + from_first + e];
    }
}
