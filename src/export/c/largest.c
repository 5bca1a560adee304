/* The place of the largest of some numbers, the first of equals. */
static int largest(const float *x, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (x[i] > x[best])
            best = i;
    return (int)best;
}
