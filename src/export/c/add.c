/* y = a + b; y may be a. */
static void add(const float *a, const float *b, size_t count, float *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] + b[i];
}
