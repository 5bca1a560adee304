/* The index of the largest of `count` numbers; of equal numbers the first. */
static int largest(const float *x, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (x[i] > x[best])
            best = i;
    return (int)best;
}
