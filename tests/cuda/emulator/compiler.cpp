// libnvrtc for a machine without CUDA: it compiles a program with g++ to a library that has each kernel as a function
// on fibers (device.h), and returns the path of the library in place of PTX. The libcuda beside it (driver.cpp) runs
// the functions.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <regex>
#include <sstream>
#include <string>
#include <unistd.h>

extern "C" {

struct Program {
    std::string source, log, library;
};

enum { SUCCESS = 0, COMPILATION = 6 };

const char *nvrtcGetErrorString(int) { return "the emulator's compiler failed"; }

int nvrtcVersion(int *major, int *minor) {
    *major = 13;
    *minor = 0;
    return SUCCESS;
}

int nvrtcCreateProgram(Program **program, const char *source, const char *, int, const char *const *, const char *const *) {
    *program = new Program{source, "", ""};
    return SUCCESS;
}

// A function `launch_NAME` for each `extern "C" __global__ void NAME(`.
static std::string launchers(const std::string &source) {
    std::ostringstream launchers;
    std::regex kernel("__global__\\s+void\\s+(?:__launch_bounds__\\s*\\([^)]*\\)\\s*)?(\\w+)\\s*\\(");
    for (std::sregex_iterator it(source.begin(), source.end(), kernel), end; it != end; ++it)
        launchers << "extern \"C\" bool launch_" << (*it)[1]
                  << "(Dimensions grid, Dimensions block, void **arguments, bool backwards) {"
                  << " return emulator::launch(" << (*it)[1] << ", grid, block, arguments, backwards); }\n";
    return launchers.str();
}

int nvrtcCompileProgram(Program *program, int count, const char *const *options) {
    std::string defines;
    for (int i = 0; i < count; i++) {
        std::string option = options[i];
        int compute;
        // The message of CUDA 13.
        if (sscanf(option.c_str(), "--gpu-architecture=compute_%d", &compute) == 1 && compute < 75) {
            program->log = "nvrtc: error: invalid value for --gpu-architecture (-arch)\n";
            return COMPILATION;
        }
        if (option.rfind("-D", 0) == 0) defines += " '" + option + "'";
        if (option.rfind("--define-macro=", 0) == 0) defines += " '-D" + option.substr(15) + "'";
    }
    const char *directory = getenv("EMULATOR_DIRECTORY");
    if (!directory) {
        program->log = "EMULATOR_DIRECTORY is not set";
        return COMPILATION;
    }
    std::string text = "#include \"" + std::string(directory) + "/device.h\"\n#line 1\n" + program->source + "\n"
        + launchers(program->source);
    // The name of the library is a hash of its text, so a library that another process compiled is used again.
    std::ostringstream language;
    language << std::ifstream(std::string(directory) + "/device.h").rdbuf();
    auto digest = std::hash<std::string>()(text + defines + language.str());
    std::string name = std::string(directory) + "/" + std::to_string(digest);
    program->library = name + ".so";
    if (std::ifstream(program->library)) return SUCCESS;
    std::string own = name + "-" + std::to_string(getpid());
    std::ofstream(own + ".cpp") << text;
    std::string command = "g++ -std=c++17 -O2 -march=native -ffp-contract=off -fPIC -shared -Wl,-Bsymbolic -w" + defines + " -o " + own
        + ".so " + own + ".cpp 2> " + own + ".log";
    int status = system(command.c_str());
    if (status == 0) rename((own + ".so").c_str(), program->library.c_str());
    std::string log = own + ".log";
    std::ostringstream messages;
    messages << std::ifstream(log).rdbuf();
    program->log = messages.str();
    return status == 0 ? SUCCESS : COMPILATION;
}

int nvrtcGetProgramLogSize(Program *program, size_t *size) {
    *size = program->log.size() + 1;
    return SUCCESS;
}

int nvrtcGetProgramLog(Program *program, char *log) {
    strcpy(log, program->log.c_str());
    return SUCCESS;
}

int nvrtcGetPTXSize(Program *program, size_t *size) {
    *size = program->library.size() + 1;
    return SUCCESS;
}

int nvrtcGetPTX(Program *program, char *ptx) {
    strcpy(ptx, program->library.c_str());
    return SUCCESS;
}

int nvrtcGetCUBINSize(Program *program, size_t *size) { return nvrtcGetPTXSize(program, size); }

int nvrtcGetCUBIN(Program *program, char *cubin) { return nvrtcGetPTX(program, cubin); }

int nvrtcDestroyProgram(Program **program) {
    delete *program;
    *program = nullptr;
    return SUCCESS;
}

} // extern "C"
