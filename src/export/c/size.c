/* Of an image or a kernel; also the vertical and the horizontal of what comes in pairs. */
typedef struct {
    size_t rows, columns;
} size;
