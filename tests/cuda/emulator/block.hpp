// Put before a file of kernels, this makes C++ of it: the threads of a block run one after the other, each on a stack of
// its own, from one __syncthreads to the next.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#ifndef __x86_64__
#error "the emulator switches stacks as x86-64 does"
#endif

#define __CUDACC__ 1
#define __global__
#define __device__ static
#define __forceinline__ inline
#define __noinline__
#define __restrict__
// One block runs at a time.
#define __shared__ static

struct Dimensions {
    unsigned x, y, z;
};
static Dimensions gridDim, blockDim, blockIdx, threadIdx;

namespace emulator {

// Saves the registers that a call must keep, and goes on where the other stack was left.
extern "C" void emulator_switch(void **from, void *to);
asm(R"(
.local emulator_switch
.type emulator_switch, @function
emulator_switch:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
)");

struct Thread {
    std::vector<char> stack = std::vector<char>(256 << 10);
    void *at = nullptr;
    bool is_done = false;
};

static std::vector<Thread> threads;
static Thread *running;
static void *scheduler;
static void (*kernel)(void **);
static void **arguments;

static void begin() {
    kernel(arguments);
    running->is_done = true;
    emulator_switch(&running->at, scheduler);
    std::abort();
}

static void wait_for_block() { emulator_switch(&running->at, scheduler); }

static void run_block(bool backwards) {
    unsigned count = blockDim.x * blockDim.y * blockDim.z;
    if (threads.size() < count) threads.resize(count);
    for (unsigned i = 0; i < count; i++) {
        // As if `begin` had been called, with its stack aligned: six registers above a return address.
        auto top = reinterpret_cast<unsigned long>(threads[i].stack.data() + threads[i].stack.size()) & ~15ul;
        void **at = reinterpret_cast<void **>(top) - 8;
        at[6] = reinterpret_cast<void *>(begin);
        threads[i].at = at;
        threads[i].is_done = false;
    }
    unsigned done = 0;
    while (done == 0) {
        for (unsigned k = 0; k < count; k++) {
            unsigned i = backwards ? count - 1 - k : k;
            threadIdx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
            running = &threads[i];
            emulator_switch(&scheduler, running->at);
            done += running->is_done;
        }
        if (done != 0 && done != count) {
            std::fprintf(stderr, "emulator: %u of %u threads of a block return, the others wait\n", done, count);
            std::abort();
        }
    }
}

template <class... A, std::size_t... I>
static void call(void (*function)(A...), void **from, std::index_sequence<I...>) {
    function(*static_cast<A *>(from[I])...);
}

template <class... A>
static void call(void (*function)(A...), void **from) {
    call(function, from, std::index_sequence_for<A...>{});
}

} // namespace emulator

extern "C" void emulator_launch(void (*of)(void **), void **with, const unsigned *grid, const unsigned *block, bool backwards) {
    emulator::kernel = of;
    emulator::arguments = with;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    unsigned count = grid[0] * grid[1] * grid[2];
    for (unsigned k = 0; k < count; k++) {
        unsigned i = backwards ? count - 1 - k : k;
        blockIdx = {i % grid[0], i / grid[0] % grid[1], i / grid[0] / grid[1]};
        emulator::run_block(backwards);
    }
}

static inline void __syncthreads() { emulator::wait_for_block(); }

template <class T>
static T atomicMin(T *at, T value) {
    T before = *at;
    if (value < before) *at = value;
    return before;
}

template <class T>
static T atomicAdd(T *at, T value) {
    T before = *at;
    *at += value;
    return before;
}
