/* y[o] = bias[o] + sum over i of x[i] * w[i, o] */
typedef struct {
    weights weights; /* inputs x outputs */
    const float *bias;
    size_t inputs, outputs;
} dense;

static void multiply(const dense *of, const float *x, float *y)
{
    for (size_t o = 0; o < of->outputs; o++)
        y[o] = of->bias == NULL ? 0 : of->bias[o];
    for (size_t i = 0; i < of->inputs; i++)
        /* After a ReLU many x are 0. */
        if (x[i] != 0)
            for (size_t o = 0; o < of->outputs; o++)
                y[o] += x[i] * weight(&of->weights, i * of->outputs + o);
}
