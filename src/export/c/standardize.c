/* y = (x - mean) / deviation, with mean and deviation of the channel. */
static void standardize(const float *x, const float *mean, const float *deviation, size_t channels, size_t plane,
                        float *y)
{
    for (size_t c = 0; c < channels; c++)
        for (size_t i = c * plane; i < (c + 1) * plane; i++)
            y[i] = (x[i] - mean[c]) / deviation[c];
}
