// Calls the header's functions for scalar.rs: the command `probe FUNCTION` reads the arguments of each call from
// standard input and writes the results to standard output, all as f64.

#include "scalar.cuh"
#include <cstdio>
#include <cstring>
#include <vector>

struct Function {
    const char *name;
    unsigned arguments, results;
    void (*call)(const f64 *x, f64 *y);
};

static const Function FUNCTIONS[] = {
    {"exp_in_loop", 1, 1, [](const f64 *x, f64 *y) { y[0] = exp_in_loop((real)x[0]); }},
    {"ln_in_loop", 1, 1, [](const f64 *x, f64 *y) { y[0] = ln_in_loop((real)x[0]); }},
    {"ln_1p_in_loop", 1, 1, [](const f64 *x, f64 *y) { y[0] = ln_1p_in_loop((real)x[0]); }},
    {"is_finite", 1, 1, [](const f64 *x, f64 *y) { y[0] = is_finite((real)x[0]); }},
    {"ln_unit", 1, 1, [](const f64 *x, f64 *y) { y[0] = ln_unit(x[0]); }},
    {"circle", 1, 2, [](const f64 *x, f64 *y) { circle(x[0], &y[0], &y[1]); }},
    {"exact", 1, 2,
     [](const f64 *x, f64 *y) {
         real value, slope;
         spike_kl_value_and_derivative(SPIKE_EXACT, (real)x[0], &value, &slope);
         y[0] = value, y[1] = slope;
     }},
    {"fit", 1, 2,
     [](const f64 *x, f64 *y) {
         real value, slope;
         spike_kl_value_and_derivative(SPIKE_FIT, (real)x[0], &value, &slope);
         y[0] = value, y[1] = slope;
     }},
    {"gaussian_kl", 4, 3,
     [](const f64 *x, f64 *y) {
         WeightKl kl = gaussian_kl((real)x[0], (real)x[1], (real)x[2], (real)x[3]);
         y[0] = kl.value, y[1] = kl.dtheta, y[2] = kl.dlog_sigma2;
     }},
    {"spike_kl", 3, 3,
     [](const f64 *x, f64 *y) {
         WeightKl kl = spike_kl(SPIKE_FIT, (real)x[0], sigma_of((real)x[1]), (real)x[2]);
         y[0] = kl.value, y[1] = kl.dtheta, y[2] = kl.dlog_sigma2;
     }},
    {"nearest_level", 5, 1,
     [](const f64 *x, f64 *y) {
         const real levels[4] = {(real)x[1], (real)x[2], (real)x[3], (real)x[4]};
         y[0] = nearest_level((real)x[0], levels, 4);
     }},
    {"philox", 6, 4,
     [](const f64 *x, f64 *y) {
         Words counter = {{(u32)x[0], (u32)x[1], (u32)x[2], (u32)x[3]}};
         Words drawn = philox4x32_10(counter, (u32)x[4], (u32)x[5]);
         for (int i = 0; i < 4; i++) y[i] = drawn.word[i];
     }},
    {"box_muller", 2, 2, [](const f64 *x, f64 *y) { box_muller((u32)x[0], (u32)x[1], &y[0], &y[1]); }},
};

int main(int count, char **arguments) {
    for (const Function &function : FUNCTIONS) {
        if (count != 2 || std::strcmp(function.name, arguments[1]) != 0) continue;
        std::vector<f64> x(function.arguments), y(function.results);
        while (std::fread(x.data(), sizeof(f64), x.size(), stdin) == x.size()) {
            function.call(x.data(), y.data());
            std::fwrite(y.data(), sizeof(f64), y.size(), stdout);
        }
        return 0;
    }
    return 2;
}
