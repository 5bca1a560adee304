/* The sum of the pixels of each window, divided by the number of pixels that the average counts. */
static void average_pool(const pooling *of, const float *x, float *y)
{
    for (size_t c = 0; c < of->channels; c++, x += of->image.rows * of->image.columns)
        for (size_t p = 0; p < of->result.rows; p++)
            for (size_t q = 0; q < of->result.columns; q++) {
                const window rows = rows_at(of, p), columns = columns_at(of, q);
                float sum = 0;
                for (size_t i = rows.first; i < rows.end; i++)
                    for (size_t j = columns.first; j < columns.end; j++)
                        sum += x[i * of->image.columns + j];
                *y++ = sum / (float)(rows.count * columns.count);
            }
}
