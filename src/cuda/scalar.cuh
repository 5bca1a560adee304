// The functions of src/scalar, and what all kernels share. REAL is f32 or f64, the working precision.
//
// Compilable as C++ too: the tests compile it so and hold every function to the Rust one, bit for bit. Hence only + − × ÷ √,
// comparisons and operations on bits, in the order of the Rust code, but for the functions of the C library.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;
typedef float f32;
typedef double f64;
typedef REAL real;

#ifdef __CUDACC__
#define DEVICE __device__ __forceinline__
#else
#define DEVICE static inline
#endif

// --------------------------------------------------------------------------------------------------------- Blocks of threads
#ifdef __CUDACC__

// Threads of every block: device.rs launches no other.
#define THREADS 256u

// A loop over i < n by all threads of a grid of Grid::elements(n).
#define FOR_EACH(i, n) for (u32 i = blockIdx.x * THREADS + threadIdx.x; i < (n); i += gridDim.x * THREADS)

// The sum of every thread's value, in a fixed order; all threads of the block take part and receive it.
template <class T>
__device__ T block_sum(T value) {
    __shared__ T sums[THREADS];
    __syncthreads(); // Whoever still reads the sum before this one.
    sums[threadIdx.x] = value;
    __syncthreads();
    for (u32 half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
        __syncthreads();
    }
    return sums[0];
}

#endif
