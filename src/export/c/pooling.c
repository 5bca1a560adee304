/* The windows of a pooling over images. */
typedef struct {
    size_t channels;
    size image, kernel, stride, padding, result;
    int counts_padding; /* whether an average counts the padding */
} pooling;

/* A window along rows or columns: the pixels first to end - 1, and the number that an average counts. */
typedef struct {
    size_t first, end, count;
} window;

static window window_at(size_t p, size_t pixels, size_t kernel, size_t stride, size_t padding, int counts_padding)
{
    const size_t begin = p * stride, end = begin + kernel; /* counted from the start of the padding */
    window at;
    at.first = begin > padding ? begin - padding : 0;
    at.end = (end < padding + pixels ? end : padding + pixels) - padding;
    at.count = (end < pixels + 2 * padding ? end : pixels + 2 * padding) - begin;
    if (!counts_padding)
        at.count = at.end - at.first;
    return at;
}

static window rows_at(const pooling *of, size_t p)
{
    return window_at(p, of->image.rows, of->kernel.rows, of->stride.rows, of->padding.rows, of->counts_padding);
}

static window columns_at(const pooling *of, size_t q)
{
    return window_at(q, of->image.columns, of->kernel.columns, of->stride.columns, of->padding.columns,
                     of->counts_padding);
}
