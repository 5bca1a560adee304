/* y = scale * x + shift, with scale and shift of the channel; y may be x. */
static void normalize(const float *x, const float *scale, const float *shift, size_t channels, size_t plane, float *y)
{
    for (size_t c = 0; c < channels; c++)
        for (size_t i = c * plane; i < (c + 1) * plane; i++)
            y[i] = scale[c] * x[i] + shift[c];
}
