// Elements 0, 1, … of a stream: each block of the generator gives four words, or four normals.

DEVICE Words words_of(u32 block, u32 key0, u32 key1, u32 tensor, u32 step) {
    // Buffers have fewer than 2^31 elements, so the high word of the block's number is 0.
    return philox4x32_10(Words{{block, 0, tensor, step}}, key0, key1);
}

extern "C" __global__ void words(u32 *word, u32 key0, u32 key1, u32 tensor, u32 step, u32 n) {
    FOR_EACH(block, (n + 3) / 4) {
        Words drawn = words_of(block, key0, key1, tensor, step);
        for (u32 i = 0; i < 4 && 4 * block + i < n; i++) word[4 * block + i] = drawn.word[i];
    }
}

extern "C" __global__ void standard_normal(real *normal, u32 key0, u32 key1, u32 tensor, u32 step, u32 n) {
    FOR_EACH(block, (n + 3) / 4) {
        Words drawn = words_of(block, key0, key1, tensor, step);
        f64 z[4];
        box_muller(drawn.word[0], drawn.word[1], &z[0], &z[1]);
        box_muller(drawn.word[2], drawn.word[3], &z[2], &z[3]);
        for (u32 i = 0; i < 4 && 4 * block + i < n; i++) normal[4 * block + i] = (real)z[i];
    }
}
