// A stand-in for libcuda, libnvrtc and libcublas: what this crate calls of them, on the CPU, so that everything but the GPU
// itself is run by the tests.
//
// Kernels are compiled by g++ and run a thread at a time (block.hpp). Memory is filled with NaN when it is allocated; an
// access beyond the end of an allocation, or to memory freed, ends the process.
//
// | environment variable   | effect                                                                                       |
// |------------------------|----------------------------------------------------------------------------------------------|
// | EMULATOR_ORDER         | backwards: the last thread and block first; what depends on their order then changes          |
// | EMULATOR_MEMORY        | MiB of memory, 4096 unless given                                                             |
// | EMULATOR_COMPUTE       | compute capability, 90 unless given; NVRTC knows 75 and above                                 |
// | EMULATOR_DRIVER        | the driver's version, 13000 unless given                                                     |
// | EMULATOR_FAULT         | no-device, busy, launch: what then fails                                                     |

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <map>
#include <mutex>
#include <regex>
#include <sstream>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using Device = int;
using Pointer = unsigned long long;

enum Result { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, UNAVAILABLE = 46, NOT_FOUND = 500, LAUNCH_FAILED = 719 };

static std::string variable(const char *name, const char *otherwise) {
    const char *value = std::getenv(name);
    return value ? value : otherwise;
}

static bool fails(const char *what) { return variable("EMULATOR_FAULT", "") == what; }

// Everything is done at once, one caller at a time.
static std::recursive_mutex one_at_a_time;
using Lock = std::lock_guard<std::recursive_mutex>;

// -------------------------------------------------------------------------------------------------------------------- Driver

struct Allocation {
    char *base;
    size_t mapped, bytes;
};
static std::map<Pointer, Allocation> allocations;
static size_t used;
static thread_local void *current;
static char context, stream;

static size_t memory() { return std::stoul(variable("EMULATOR_MEMORY", "4096")) << 20; }

extern "C" {

Result cuDriverGetVersion(int *version) {
    *version = std::stoi(variable("EMULATOR_DRIVER", "13000"));
    return SUCCESS;
}
Result cuInit(unsigned) { return fails("no-device") ? NO_DEVICE : SUCCESS; }
Result cuDeviceGetCount(int *count) {
    *count = 1;
    return SUCCESS;
}
Result cuDeviceGet(Device *device, int ordinal) {
    *device = ordinal;
    return SUCCESS;
}
Result cuDeviceGetName(char *name, int length, Device) {
    std::snprintf(name, length, "emulator on the CPU, no GPU");
    return SUCCESS;
}
Result cuDeviceGetAttribute(int *value, int attribute, Device) {
    const int major = 75, minor = 76, memory_pools = 115;
    int compute = std::stoi(variable("EMULATOR_COMPUTE", "90"));
    *value = attribute == major ? compute / 10 : attribute == minor ? compute % 10 : attribute == memory_pools ? 1 : 0;
    return SUCCESS;
}
Result cuDevicePrimaryCtxRetain(void **retained, Device) {
    *retained = &context;
    return fails("busy") ? UNAVAILABLE : SUCCESS;
}
Result cuDevicePrimaryCtxRelease_v2(Device) { return SUCCESS; }
Result cuCtxGetCurrent(void **of) {
    *of = current;
    return SUCCESS;
}
Result cuCtxSetCurrent(void *to) {
    current = to;
    return SUCCESS;
}
Result cuCtxSynchronize() { return SUCCESS; }
Result cuDeviceGetDefaultMemPool(void **pool, Device) {
    *pool = &context;
    return SUCCESS;
}
Result cuMemPoolSetAttribute(void *, int, void *) { return SUCCESS; }
Result cuStreamCreate(void **created, unsigned) {
    *created = &stream;
    return SUCCESS;
}
Result cuStreamDestroy_v2(void *) { return SUCCESS; }
Result cuStreamSynchronize(void *) { return SUCCESS; }
Result cuMemGetInfo_v2(size_t *free, size_t *total) {
    Lock lock(one_at_a_time);
    *total = memory();
    *free = *total - used;
    return SUCCESS;
}

// The allocation ends, to within 8 bytes, where a page begins that nobody may touch.
Result cuMemAllocAsync(Pointer *pointer, size_t bytes, void *) {
    Lock lock(one_at_a_time);
    if (bytes == 0) return INVALID_VALUE;
    if (bytes > memory() - used) return OUT_OF_MEMORY;
    size_t page = sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page, mapped = whole + page;
    void *base = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return OUT_OF_MEMORY;
    char *bytes_at = static_cast<char *>(base);
    mprotect(bytes_at + whole, page, PROT_NONE);
    char *begin = bytes_at + whole - (bytes + 7) / 8 * 8;
    std::memset(begin, 0xFF, bytes);
    *pointer = reinterpret_cast<Pointer>(begin);
    allocations[*pointer] = {bytes_at, mapped, bytes};
    used += bytes;
    return SUCCESS;
}
Result cuMemFreeAsync(Pointer pointer, void *) {
    Lock lock(one_at_a_time);
    auto found = allocations.find(pointer);
    if (found == allocations.end()) return INVALID_VALUE;
    munmap(found->second.base, found->second.mapped);
    used -= found->second.bytes;
    allocations.erase(found);
    return SUCCESS;
}
Result cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, void *) {
    std::memcpy(reinterpret_cast<void *>(to), from, bytes);
    return SUCCESS;
}
Result cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, void *) {
    std::memcpy(to, reinterpret_cast<void *>(from), bytes);
    return SUCCESS;
}
Result cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void *) {
    std::memmove(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes);
    return SUCCESS;
}
Result cuMemsetD8Async(Pointer to, unsigned char byte, size_t bytes, void *) {
    std::memset(reinterpret_cast<void *>(to), byte, bytes);
    return SUCCESS;
}

// A module is a shared library, its image the library's path.
struct Function {
    void (*launch)(void (*)(void **), void **, const unsigned *, const unsigned *, bool);
    void (*kernel)(void **);
};
Result cuModuleLoadData(void **module, const void *image) {
    Lock lock(one_at_a_time);
    *module = dlopen(static_cast<const char *>(image), RTLD_NOW | RTLD_LOCAL);
    if (!*module) std::fprintf(stderr, "emulator: %s\n", dlerror());
    return *module ? SUCCESS : NOT_FOUND;
}
Result cuModuleGetFunction(void **function, void *module, const char *name) {
    void *launch = dlsym(module, "emulator_launch"), *kernel = dlsym(module, (std::string("emulator_") + name).c_str());
    if (!launch || !kernel) return NOT_FOUND;
    // Functions are few and live as long as the process.
    *function = new Function{reinterpret_cast<decltype(Function::launch)>(launch), reinterpret_cast<decltype(Function::kernel)>(kernel)};
    return SUCCESS;
}
Result cuModuleUnload(void *) { return SUCCESS; }
Result cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                      unsigned shared, void *, void **parameters, void **) {
    Lock lock(one_at_a_time);
    if (fails("launch")) return LAUNCH_FAILED;
    const unsigned grid[] = {gx, gy, gz}, block[] = {bx, by, bz};
    if (gx == 0 || gy == 0 || gz == 0 || gx > 0x7FFFFFFF || gy > 65535 || gz > 65535 || shared > 0) return INVALID_VALUE;
    auto *of = static_cast<Function *>(function);
    of->launch(of->kernel, parameters, grid, block, variable("EMULATOR_ORDER", "") == "backwards");
    return SUCCESS;
}

} // extern "C"

// --------------------------------------------------------------------------------------------------------------------- NVRTC

struct Program {
    std::string source, image, log;
};

static std::string directory() {
    Dl_info info;
    dladdr(reinterpret_cast<void *>(directory), &info);
    std::string path = info.dli_fname;
    return path.substr(0, path.rfind('/'));
}

// FNV-1a.
static std::string digest(const std::string &text) {
    unsigned long long hash = 0xCBF29CE484222325;
    for (unsigned char c : text) hash = (hash ^ c) * 0x100000001B3;
    std::ostringstream hex;
    hex << std::hex << hash;
    return hex.str();
}

extern "C" {

int nvrtcVersion(int *major, int *minor) {
    *major = 13;
    *minor = 0;
    return 0;
}
int nvrtcCreateProgram(Program **program, const char *source, const char *, int, const char *const *, const char *const *) {
    *program = new Program{source, "", ""};
    return 0;
}
int nvrtcCompileProgram(Program *program, int count, const char *const *options) {
    const int compilation = 6;
    for (int i = 0; i < count; i++) {
        int compute;
        if (std::sscanf(options[i], "--gpu-architecture=compute_%d", &compute) == 1 && compute < 75) {
            program->log = "nvrtc: error: invalid value for --gpu-architecture (-arch)\n";
            return compilation;
        }
    }
    std::ostringstream text;
    text << "#include \"" EMULATOR_DIRECTORY "/block.hpp\"\n" << program->source << "\n";
    std::regex kernel("__global__ void (\\w+)\\(");
    for (std::sregex_iterator it(program->source.begin(), program->source.end(), kernel), end; it != end; ++it) {
        std::string name = (*it)[1];
        text << "extern \"C\" void emulator_" << name << "(void **from) { emulator::call(" << name << ", from); }\n";
    }
    std::ifstream block(EMULATOR_DIRECTORY "/block.hpp");
    std::ostringstream all;
    all << block.rdbuf() << text.str();
    std::string base = directory() + "/kernels-" + digest(all.str());
    program->image = base + ".so";
    if (access(program->image.c_str(), R_OK) == 0) return 0;
    // Under a name of this process's own first: others may be compiling the same.
    std::string own = base + "-" + std::to_string(getpid());
    std::ofstream(own + ".cpp") << text.str();
    std::string command = "g++ -std=c++17 -O2 -ffp-contract=off -fno-gnu-unique -fPIC -shared -w -o " + own + ".so " + own +
                          ".cpp > " + own + ".log 2>&1";
    int status = std::system(command.c_str());
    std::ifstream log(own + ".log");
    std::ostringstream said;
    said << log.rdbuf();
    program->log = said.str();
    std::remove((own + ".log").c_str());
    if (status != 0) return compilation;
    std::remove((own + ".cpp").c_str());
    std::rename((own + ".so").c_str(), program->image.c_str());
    return 0;
}
int nvrtcGetProgramLogSize(Program *program, size_t *size) {
    *size = program->log.size() + 1;
    return 0;
}
int nvrtcGetProgramLog(Program *program, char *log) {
    std::strcpy(log, program->log.c_str());
    return 0;
}
int nvrtcGetPTXSize(Program *program, size_t *size) {
    *size = program->image.size() + 1;
    return 0;
}
int nvrtcGetPTX(Program *program, char *image) {
    std::strcpy(image, program->image.c_str());
    return 0;
}
int nvrtcDestroyProgram(Program **program) {
    delete *program;
    return 0;
}

} // extern "C"

// -------------------------------------------------------------------------------------------------------------------- cuBLAS

// c ← α a b + β c, columns first, term by term.
template <class T>
static int gemm(int ta, int tb, int m, int n, int k, const T *alpha, const T *a, int lda, long long sa, const T *b, int ldb,
                long long sb, const T *beta, T *c, int ldc, long long sc, int batch) {
    Lock lock(one_at_a_time);
    const int invalid = 7;
    if (lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m) return invalid;
    for (int i = 0; i < batch; i++) {
        const T *x = a + i * sa, *y = b + i * sb;
        T *z = c + i * sc;
        for (int column = 0; column < n; column++) {
            for (int row = 0; row < m; row++) {
                T sum = 0;
                for (int l = 0; l < k; l++) {
                    sum += (ta ? x[(size_t)row * lda + l] : x[(size_t)l * lda + row]) *
                           (tb ? y[(size_t)l * ldb + column] : y[(size_t)column * ldb + l]);
                }
                T *at = z + (size_t)column * ldc + row;
                *at = *beta == 0 ? *alpha * sum : *alpha * sum + *beta * *at;
            }
        }
    }
    return 0;
}

extern "C" {

int cublasCreate_v2(void **handle) {
    *handle = &context;
    return 0;
}
int cublasDestroy_v2(void *) { return 0; }
int cublasSetStream_v2(void *, void *) { return 0; }
int cublasSetMathMode(void *, int) { return 0; }
int cublasSgemmStridedBatched(void *, int ta, int tb, int m, int n, int k, const float *alpha, const float *a, int lda,
                              long long sa, const float *b, int ldb, long long sb, const float *beta, float *c, int ldc,
                              long long sc, int batch) {
    return gemm(ta, tb, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, batch);
}
int cublasDgemmStridedBatched(void *, int ta, int tb, int m, int n, int k, const double *alpha, const double *a, int lda,
                              long long sa, const double *b, int ldb, long long sb, const double *beta, double *c, int ldc,
                              long long sc, int batch) {
    return gemm(ta, tb, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, batch);
}

} // extern "C"
