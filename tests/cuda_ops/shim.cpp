// kernels.cu on the CPU: a block's threads run one after another, as coroutines where they wait for each other.
// Each kernel becomes a C function of (pointer to its arguments, grid, block). -DKERNELS names the file.
// At the end, those functions of NVIDIA's driver that the operators call, over these kernels.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

struct Index {
    unsigned x, y, z;
};

static Index blockIdx, threadIdx, blockDim;
static ucontext_t scheduler;
static ucontext_t* waiting;  // The running thread, if it may wait.
static const std::function<void()>* task;

#define __device__ static inline
#define __shared__ static

using std::min;

static void __syncthreads() {
    if (!waiting) {
        fputs("this kernel was not expected to wait\n", stderr);
        abort();
    }
    swapcontext(waiting, &scheduler);
}

static float rsqrtf(float value) { return 1 / sqrtf(value); }

static float __uint_as_float(unsigned bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static unsigned __float_as_uint(float value) {
    unsigned bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float half_to_float(unsigned short bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value = exponent == 31 ? (fraction ? NAN : INFINITY)
                  : exponent     ? ldexpf(1024 + fraction, exponent - 25)
                                 : ldexpf(fraction, -24);
    return bits & 0x8000 ? -value : value;
}

static unsigned short float_to_half(float value) {
    unsigned short sign = signbit(value) ? 0x8000 : 0;
    float size = fabsf(value);
    if (isnan(value)) return sign | 0x7e00;
    if (size >= 65520) return sign | 0x7c00;
    if (size < ldexpf(1, -14)) return sign | (unsigned short)nearbyintf(ldexpf(size, 24));
    int exponent;
    float fraction = frexpf(size, &exponent);
    return sign | (unsigned short)(((exponent + 14) << 10) + (int)nearbyintf(ldexpf(fraction, 11)) - 1024);
}

static void enter() { (*task)(); }

static void run_waiting(unsigned count, const std::function<void()>& body) {
    const size_t stack = 32768;
    std::vector<char> stacks(count * stack);
    std::vector<ucontext_t> threads(count);
    std::vector<char> ended(count, 0);
    std::function<void()> once = [&] {
        body();
        ended[threadIdx.x] = 1;
    };
    task = &once;
    for (unsigned i = 0; i < count; i++) {
        getcontext(&threads[i]);
        threads[i].uc_stack.ss_sp = &stacks[i * stack];
        threads[i].uc_stack.ss_size = stack;
        threads[i].uc_link = &scheduler;
        makecontext(&threads[i], enter, 0);
    }
    // Each round takes every thread to its next barrier. The last one goes first: an order nothing may rely on.
    for (bool going = true; going;) {
        going = false;
        for (unsigned i = count; i-- > 0;) {
            if (ended[i]) continue;
            threadIdx = {i, 0, 0};
            waiting = &threads[i];
            swapcontext(&scheduler, &threads[i]);
            going = true;
        }
    }
    waiting = nullptr;
}

static void run(const unsigned* grid, const unsigned* block, bool waits, const std::function<void()>& body) {
    blockDim = {block[0], block[1], block[2]};
    for (unsigned z = 0; z < grid[2]; z++)
        for (unsigned y = 0; y < grid[1]; y++)
            for (unsigned x = 0; x < grid[0]; x++) {
                blockIdx = {x, y, z};
                if (waits) {
                    run_waiting(block[0], body);
                    continue;
                }
                for (unsigned i = 0; i < block[0]; i++) {
                    threadIdx = {i, 0, 0};
                    body();
                }
            }
}

typedef void Kernel(const void*, const unsigned*, const unsigned*);
static std::map<std::string, Kernel*> known;

#define KERNEL(name, Arguments, threads, body)                                                      \
    extern "C" void name(const Arguments* given, const unsigned* grid, const unsigned* block) {     \
        if (block[0] > threads || block[1] != 1 || block[2] != 1) abort();                          \
        const Arguments a = *given;                                                                 \
        run(grid, block, std::is_same<Arguments, struct StyleArguments>::value, [&] { body; });     \
    }                                                                                               \
    static bool name##_is_known = (known[#name] = (Kernel*)name, true);

#include KERNELS

enum { INVALID_IMAGE = 200, INVALID_CONTEXT = 201, NOT_FOUND = 500, INVALID_VALUE = 1 };

static int context, pushed;
static void* last_stream;

extern "C" int pushed_contexts() { return pushed; }
extern "C" void* stream_of_last_launch() { return last_stream; }

extern "C" int cuGetErrorString(int code, const char** text) {
    *text = code == INVALID_IMAGE ? "device kernel image is invalid" : nullptr;
    return *text ? 0 : INVALID_VALUE;
}

extern "C" int cuCtxGetCurrent(void** current) {
    *current = &context;
    return 0;
}

extern "C" int cuCtxPushCurrent_v2(void* given) {
    if (given != &context) return INVALID_CONTEXT;
    pushed++;
    return 0;
}

extern "C" int cuCtxPopCurrent_v2(void** popped) {
    if (!pushed) return INVALID_CONTEXT;
    pushed--;
    *popped = &context;
    return 0;
}

extern "C" int cuModuleLoadData(void** module, const char* image) {
    if (pushed != 1) return INVALID_CONTEXT;
    if (memcmp(image, "\x7f\0ELF", 5)) return INVALID_IMAGE;
    *module = &known;
    return 0;
}

extern "C" int cuModuleGetFunction(void** function, void* module, const char* name) {
    if (pushed != 1 || module != &known) return INVALID_CONTEXT;
    *function = known.count(name) ? (void*)known[name] : nullptr;
    return *function ? 0 : NOT_FOUND;
}

extern "C" int cuLaunchKernel(
    void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
    unsigned block_z, unsigned shared, void* stream, void** parameters, void** extra
) {
    if (pushed != 1) return INVALID_CONTEXT;
    if (shared || extra) return INVALID_VALUE;
    unsigned grid[] = {grid_x, grid_y, grid_z}, block[] = {block_x, block_y, block_z};
    last_stream = stream;
    ((Kernel*)function)(parameters[0], grid, block);
    return 0;
}
