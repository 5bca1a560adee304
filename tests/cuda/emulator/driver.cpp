// libcuda for a machine without a GPU: device memory is the machine's memory, and a launch returns after the kernel has
// run. Kernels come from the libraries that the libnvrtc beside it compiles (compiler.cpp).
//
// Each allocation ends at a page that cannot be accessed, and freed memory can no longer be accessed. Allocated memory
// is filled with NaN. Environment variables change the emulated machine:
//
// | EMULATOR_BACKWARDS=1  | blocks, and the threads of each, run from the last to the first   |
// | EMULATOR_MEMORY       | MiB of device memory, 8192 unless given                           |
// | EMULATOR_COMPUTE      | compute capability, 90 unless given; libnvrtc knows 75 and above  |
// | EMULATOR_DRIVER       | the driver's version, 13000 unless given                          |
// | EMULATOR_FAULT        | no-device, busy or launch: what then fails                        |

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace {

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, UNAVAILABLE = 46, NO_DEVICE = 100, INVALID_IMAGE = 200, NOT_FOUND = 500, LAUNCH_FAILED = 719 };

struct Dimensions {
    unsigned x, y, z;
};

using Launch = bool (*)(Dimensions grid, Dimensions block, void **arguments, bool backwards);

struct Function {
    std::string name;
    Launch launch;
};

constexpr size_t PAGE = 4096;
// The alignment of a buffer's address, if the length of the buffer allows it.
constexpr size_t ALIGNMENT = 16;

long variable(const char *name, long otherwise) {
    const char *value = getenv(name);
    return value ? atol(value) : otherwise;
}

bool fails(const char *what) {
    const char *fault = getenv("EMULATOR_FAULT");
    return fault && strcmp(fault, what) == 0;
}

const size_t MEMORY = size_t(variable("EMULATOR_MEMORY", 8192)) << 20;

struct Block {
    void *mapping;
    size_t length;
};

std::mutex mutex;
std::map<uint64_t, Block> blocks;
size_t allocated;
const char *running = "";
thread_local void *context;
char primary;

void report_fault(int) {
    const char message[] = "emulator: an address outside every buffer, in or after kernel ";
    (void)!write(2, message, sizeof message - 1);
    (void)!write(2, running, strlen(running));
    (void)!write(2, "\n", 1);
    _exit(134);
}

int allocate(uint64_t *address, size_t size) {
    std::lock_guard<std::mutex> lock(mutex);
    if (size == 0) return INVALID_VALUE;
    if (allocated + size > MEMORY) return OUT_OF_MEMORY;
    size_t held = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t pages = (held + PAGE - 1) / PAGE * PAGE;
    size_t length = pages + 2 * PAGE;
    char *mapping = (char *)mmap(nullptr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) return OUT_OF_MEMORY;
    mprotect(mapping + PAGE, pages, PROT_READ | PROT_WRITE);
    char *start = mapping + PAGE + pages - held;
    memset(start, 0xff, held);
    allocated += length;
    *address = (uint64_t)start;
    blocks[*address] = {mapping, length};
    return SUCCESS;
}

int release(uint64_t address) {
    std::lock_guard<std::mutex> lock(mutex);
    auto block = blocks.find(address);
    if (block == blocks.end()) return INVALID_VALUE;
    munmap(block->second.mapping, block->second.length);
    allocated -= block->second.length;
    blocks.erase(block);
    return SUCCESS;
}

} // namespace

extern "C" {

int cuGetErrorName(int, const char **name) {
    *name = "EMULATOR_ERROR";
    return SUCCESS;
}

int cuGetErrorString(int error, const char **text) {
    *text = error == OUT_OF_MEMORY ? "out of memory" : "the emulator refused";
    return SUCCESS;
}

int cuInit(unsigned) {
    signal(SIGSEGV, report_fault);
    return fails("no-device") ? NO_DEVICE : SUCCESS;
}

int cuDriverGetVersion(int *version) {
    *version = variable("EMULATOR_DRIVER", 13000);
    return SUCCESS;
}

int cuDeviceGetCount(int *count) {
    *count = 1;
    return SUCCESS;
}

int cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return ordinal == 0 ? SUCCESS : 101;
}

int cuDeviceGetName(char *name, int length, int) {
    snprintf(name, length, "emulator, no GPU");
    return SUCCESS;
}

int cuDeviceTotalMem_v2(size_t *bytes, int) {
    *bytes = MEMORY;
    return SUCCESS;
}

int cuDeviceGetAttribute(int *value, int attribute, int) {
    // Multiprocessors, compute capability, memory pools; any other is 0.
    int compute = variable("EMULATOR_COMPUTE", 90);
    std::map<int, int> attributes = {{16, 132}, {75, compute / 10}, {76, compute % 10}, {115, 1}};
    *value = attributes[attribute];
    return SUCCESS;
}

int cuDevicePrimaryCtxRetain(void **retained, int) {
    *retained = &primary;
    return fails("busy") ? UNAVAILABLE : SUCCESS;
}

int cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }

int cuDeviceGetDefaultMemPool(void **pool, int) {
    *pool = &primary;
    return SUCCESS;
}

int cuMemPoolSetAttribute(void *, int, void *) { return SUCCESS; }

int cuCtxGetCurrent(void **current) {
    *current = context;
    return SUCCESS;
}

int cuCtxSetCurrent(void *current) {
    context = current;
    return SUCCESS;
}

int cuCtxSynchronize() { return SUCCESS; }

int cuMemGetInfo_v2(size_t *available, size_t *total) {
    *available = MEMORY - allocated;
    *total = MEMORY;
    return SUCCESS;
}

int cuStreamCreate(void **stream, unsigned) {
    *stream = new char;
    return SUCCESS;
}

int cuStreamDestroy_v2(void *stream) {
    delete (char *)stream;
    return SUCCESS;
}

int cuStreamSynchronize(void *) { return SUCCESS; }
int cuStreamWaitEvent(void *, void *, unsigned) { return SUCCESS; }

int cuEventCreate(void **event, unsigned) {
    *event = new char;
    return SUCCESS;
}

int cuEventRecord(void *, void *) { return SUCCESS; }
int cuEventSynchronize(void *) { return SUCCESS; }

int cuEventElapsedTime_v2(float *milliseconds, void *, void *) {
    *milliseconds = 0;
    return SUCCESS;
}

int cuEventDestroy_v2(void *event) {
    delete (char *)event;
    return SUCCESS;
}

int cuMemAlloc_v2(uint64_t *address, size_t size) { return allocate(address, size); }
int cuMemAllocAsync(uint64_t *address, size_t size, void *) { return allocate(address, size); }
int cuMemFree_v2(uint64_t address) { return release(address); }
int cuMemFreeAsync(uint64_t address, void *) { return release(address); }

int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size, void *) {
    memcpy((void *)to, from, size);
    return SUCCESS;
}

int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size, void *) {
    memcpy(to, (void *)from, size);
    return SUCCESS;
}

int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t size, void *) {
    memmove((void *)to, (void *)from, size);
    return SUCCESS;
}

int cuMemsetD8Async(uint64_t to, unsigned char value, size_t size, void *) {
    memset((void *)to, value, size);
    return SUCCESS;
}

int cuMemsetD32Async(uint64_t to, unsigned value, size_t count, void *) {
    for (size_t i = 0; i < count; i++) ((unsigned *)to)[i] = value;
    return SUCCESS;
}

int cuModuleLoadData(void **module, const void *image) {
    *module = dlopen((const char *)image, RTLD_NOW | RTLD_LOCAL);
    if (!*module) fprintf(stderr, "emulator: %s\n", dlerror());
    return *module ? SUCCESS : INVALID_IMAGE;
}

int cuModuleUnload(void *) { return SUCCESS; }

int cuModuleGetFunction(Function **function, void *module, const char *name) {
    auto launch = (Launch)dlsym(module, ("launch_" + std::string(name)).c_str());
    if (!launch) return NOT_FOUND;
    *function = new Function{name, launch};
    return SUCCESS;
}

int cuFuncGetAttribute(int *value, int, Function *) {
    *value = 0;
    return SUCCESS;
}

int cuLaunchKernel(Function *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
    unsigned block_y, unsigned block_z, unsigned shared, void *, void **arguments, void **) {
    // Launches that no GPU accepts.
    bool in_grid = grid_x && grid_y && grid_z && grid_x <= 0x7fffffff && grid_y <= 65535 && grid_z <= 65535;
    bool in_block = block_x && block_y && block_z && uint64_t(block_x) * block_y * block_z <= 1024;
    if (!in_grid || !in_block || shared != 0) return INVALID_VALUE;
    if (fails("launch")) return LAUNCH_FAILED;
    std::lock_guard<std::mutex> lock(mutex);
    running = function->name.c_str();
    const char *backwards = getenv("EMULATOR_BACKWARDS");
    Dimensions grid{grid_x, grid_y, grid_z}, block{block_x, block_y, block_z};
    if (function->launch(grid, block, arguments, backwards && *backwards == '1')) return SUCCESS;
    fprintf(stderr, "emulator: some threads of a block of %s waited at a barrier that others never reached\n",
        function->name.c_str());
    return LAUNCH_FAILED;
}

} // extern "C"
