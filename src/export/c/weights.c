/* A layer's weights. Weight i is values[field i]; a byte holds several fields, the first in its lowest bits. A layer
   that was not quantized has no fields: weight i is values[i]. */
typedef struct {
    const float *values;
    const uint8_t *fields;
    unsigned bits; /* per field: 1, 2, 4 or 8 */
} weights;

static float weight(const weights *of, size_t i)
{
    if (of->fields == NULL)
        return of->values[i];
    const size_t first = i * of->bits;
    return of->values[of->fields[first / 8] >> first % 8 & ((1u << of->bits) - 1)];
}
