/* y[o, p, q] = bias[o] + sum over c, i, j of w[o, c, i, j] * x[c, row, column]
   row = p * stride + i * dilation - padding, column likewise; x is 0 outside of the image
   c goes over the inputs of the group that output o is in. */
typedef struct {
    weights weights; /* outputs x inputs of a group x rows x columns of the kernel */
    const float *bias;
    size_t inputs, outputs, groups;
    size image, kernel, stride, padding, dilation, result;
} convolution;

static void convolve(const convolution *of, const float *x, float *y)
{
    const size_t plane = of->image.rows * of->image.columns, positions = of->result.rows * of->result.columns;
    const size_t inputs = of->inputs / of->groups, outputs = of->outputs / of->groups;
    size_t next = 0;
    for (size_t o = 0; o < of->outputs; o++, y += positions) {
        const float *image = x + o / outputs * inputs * plane;
        for (size_t i = 0; i < positions; i++)
            y[i] = of->bias == NULL ? 0 : of->bias[o];
        for (size_t c = 0; c < inputs; c++, image += plane)
            for (size_t i = 0; i < of->kernel.rows; i++)
                for (size_t j = 0; j < of->kernel.columns; j++) {
                    const float w = weight(&of->weights, next++);
                    if (w == 0)
                        continue;
                    for (size_t p = 0; p < of->result.rows; p++) {
                        /* A row before the image becomes a number larger than any row: unsigned wraparound. */
                        const size_t row = p * of->stride.rows + i * of->dilation.rows - of->padding.rows;
                        if (row >= of->image.rows)
                            continue;
                        const float *from = image + row * of->image.columns;
                        float *to = y + p * of->result.columns;
                        size_t column = j * of->dilation.columns - of->padding.columns;
                        for (size_t q = 0; q < of->result.columns; q++, column += of->stride.columns)
                            if (column < of->image.columns)
                                to[q] += w * from[column];
                    }
                }
    }
}
