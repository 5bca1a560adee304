/* The size of an image or a kernel, or the vertical and the horizontal stride, padding or dilation. */
typedef struct {
    size_t rows, columns;
} size;
