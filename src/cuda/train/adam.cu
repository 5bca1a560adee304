// Clips the gradient's entries to ±clip, then takes Adam's step.
extern "C" __global__ void step(real *parameter, const real *gradient, real *first_moment, real *second_moment, real clip,
                                real beta1, real beta2, real one_minus_beta1, real one_minus_beta2, real kept,
                                real rate, real root_correction, real epsilon, u32 n) {
    FOR_EACH(i, n) {
        real g = gradient[i];
        g = g < -clip ? -clip : g;
        g = g > clip ? clip : g;
        real m = beta1 * first_moment[i] + one_minus_beta1 * g;
        real v = beta2 * second_moment[i] + one_minus_beta2 * g * g;
        first_moment[i] = m;
        second_moment[i] = v;
        parameter[i] = kept * parameter[i] - rate * m / (c_sqrt(v) / root_correction + epsilon);
    }
}
