// The language of the kernels for a C++ compiler: the features that NVRTC has built in and C++ does not have. The
// threads of a block are fibers, which run one after the other and switch at __syncthreads, so that every run is the
// same. Blocks run one after another; before each block, shared memory is filled with NaN.
//
// It is stricter than a GPU: either all threads of a block must reach a barrier, or none.
#pragma once

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <cmath>
#include <ucontext.h>

#define __CUDACC__ 1
#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __shared__ static __attribute__((section("shared_memory")))

using std::exp;
using std::fabs;
using std::fma;
using std::isnan;
using std::log;
using std::sqrt;

struct Dimensions {
    unsigned x, y, z;
};
static Dimensions threadIdx, blockIdx, blockDim, gridDim;

template <class T> T min(T a, T b) { return b < a ? b : a; }
template <class T> T max(T a, T b) { return a < b ? b : a; }

// Only one thread runs at a time.
template <class T> T atomicMin(T *at, T value) {
    T before = *at;
    *at = min(before, value);
    return before;
}

namespace emulator {

struct Fiber {
    jmp_buf at;
    Dimensions index;
    bool finished;
};

// The largest number of threads of a block.
constexpr unsigned FIBERS = 1024;
constexpr size_t STACK = 256 << 10;

static Fiber fibers[FIBERS];
static unsigned started;
static Fiber *running;
static jmp_buf scheduler;
static ucontext_t outside, entrance;

// The present launch.
static void (*run_thread)(void *);
static void *launch_arguments;

// A fiber runs one thread after another; the code that resumes it has set the next thread.
static void live() {
    Fiber *self = running;
    if (!_setjmp(self->at)) swapcontext(&entrance, &outside);
    for (;;) {
        run_thread(launch_arguments);
        self->finished = true;
        if (!_setjmp(self->at)) _longjmp(scheduler, 1);
    }
}

static void start(unsigned count) {
    for (; started < count; started++) {
        running = &fibers[started];
        getcontext(&entrance);
        entrance.uc_stack.ss_sp = malloc(STACK);
        entrance.uc_stack.ss_size = STACK;
        entrance.uc_link = nullptr;
        makecontext(&entrance, live, 0);
        swapcontext(&outside, &entrance);
    }
}

static void resume(Fiber *fiber) {
    running = fiber;
    threadIdx = fiber->index;
    if (!_setjmp(scheduler)) _longjmp(fiber->at, 1);
}

// The section in which the linker put the __shared__ variables; absent if there are none.
extern "C" __attribute__((weak)) char __start_shared_memory[], __stop_shared_memory[];

// Runs one block: every thread up to its next barrier, until all have finished. `backwards` runs the threads, and the
// blocks, from the last to the first: a result that depends on this order is a race.
static bool run_block(unsigned threads, bool backwards) {
    if (__start_shared_memory) memset(__start_shared_memory, 0xff, __stop_shared_memory - __start_shared_memory);
    for (unsigned i = 0; i < threads; i++) {
        fibers[i].index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
        fibers[i].finished = false;
    }
    for (;;) {
        unsigned finished = 0;
        for (unsigned i = 0; i < threads; i++) {
            Fiber *fiber = &fibers[backwards ? threads - 1 - i : i];
            resume(fiber);
            finished += fiber->finished;
        }
        if (finished == threads) return true;
        if (finished > 0) return false;
    }
}

// Runs all blocks. False if some threads of a block finished while others waited at a barrier.
static bool run_grid(Dimensions grid, Dimensions block, bool backwards) {
    gridDim = grid;
    blockDim = block;
    unsigned threads = block.x * block.y * block.z;
    start(threads);
    size_t blocks = size_t(grid.x) * grid.y * grid.z;
    for (size_t n = 0; n < blocks; n++) {
        size_t i = backwards ? blocks - 1 - n : n;
        blockIdx = {unsigned(i % grid.x), unsigned(i / grid.x % grid.y), unsigned(i / grid.x / grid.y)};
        if (!run_block(threads, backwards)) return false;
    }
    return true;
}

template <class... A, size_t... I> void call(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
    kernel(*static_cast<A *>(arguments[I])...);
}

// `arguments` points to each argument, as in cuLaunchKernel.
template <class... A>
bool launch(void (*kernel)(A...), Dimensions grid, Dimensions block, void **arguments, bool backwards) {
    static void (*of_kernel)(A...);
    of_kernel = kernel;
    launch_arguments = arguments;
    run_thread = [](void *arguments) {
        call(of_kernel, static_cast<void **>(arguments), std::index_sequence_for<A...>());
    };
    return run_grid(grid, block, backwards);
}

} // namespace emulator

static void __syncthreads() {
    emulator::Fiber *self = emulator::running;
    if (!_setjmp(self->at)) _longjmp(emulator::scheduler, 1);
}
