// The operators of plain.py as CUDA C without headers: float32 arithmetic on float32, float16 and bfloat16 tensors.
//
// A kernel takes one structure by value, which kernels.py fills; its fields are the same there, in the same order.
// Strides count elements. Bit i of `wide` says that parameter i (bias, demodulation, noise, strength, style) is float32;
// otherwise it has the type of the picture.

#define BIAS 1
#define DEMODULATION 2
#define NOISE 4
#define STRENGTH 8
#define STYLE 16

#define GAIN 1.41421356237309505f
#define SLOPE 0.2f
#define TINY 1e-30f
#define EPSILON 1e-8f

#define STYLE_THREADS 1024
#define LARGEST_VECTOR 2048

#ifndef KERNEL
#define KERNEL(name, Arguments, threads, body) \
    extern "C" __global__ void __launch_bounds__(threads) name(const Arguments a) { body; }
#endif

struct LayerArguments {
    void* out;
    const void* x;
    const void* bias;
    const void* demodulation;
    const void* noise;
    const void* strength;
    const void* style;
    long long x_batch;
    long long x_channel;
    long long x_row;
    long long x_column;
    long long out_batch;
    long long out_channel;
    long long out_row;
    long long out_column;
    long long noise_batch;
    long long noise_row;
    long long noise_column;
    int channels;
    int height;
    int width;
    int rows;
    int wide;
    float clamp;
};

struct RgbArguments {
    void* out;
    const void* rgb;
    const void* bias;
    const void* skip;
    long long rgb_batch;
    long long rgb_channel;
    long long rgb_row;
    long long rgb_column;
    long long out_batch;
    long long out_channel;
    long long out_row;
    long long out_column;
    long long skip_batch;
    long long skip_channel;
    long long skip_row;
    long long skip_column;
    int channels;
    int height;
    int width;
    int rows;
    int wide;
    float clamp;
};

struct StyleArguments {
    float* out;
    const float* w;
    const float* affine;
    const float* bias;
    const float* energy;
    const long long* layout;
    const float* gains;
    long long demodulations;
    int batch;
    int layers;
    int latent;
};

struct Half {
    unsigned short bits;
};

struct Brain {
    unsigned short bits;
};

#ifdef __CUDACC__
__device__ float half_to_float(unsigned short bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}

__device__ unsigned short float_to_half(float value) {
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}
#endif

__device__ float widen(float value) { return value; }
__device__ float widen(Half value) { return half_to_float(value.bits); }
__device__ float widen(Brain value) { return __uint_as_float((unsigned)value.bits << 16); }

__device__ void narrow(float value, float& result) { result = value; }
__device__ void narrow(float value, Half& result) { result.bits = float_to_half(value); }
__device__ void narrow(float value, Brain& result) {
    unsigned bits = __float_as_uint(value);
    // Rounds to the nearest, ties to even; a NaN must not round to infinity.
    result.bits = value != value ? 0x7fc0 : (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

template <class T>
__device__ float parameter(const void* pointer, long long index, int wide) {
    return wide ? ((const float*)pointer)[index] : widen(((const T*)pointer)[index]);
}

// A NaN stays one, as in PyTorch.
__device__ float clamped(float value, float limit) {
    value = value > limit ? limit : value;
    return value < -limit ? -limit : value;
}

// V neighbouring channels, read and written at once.
template <class T, int V>
struct alignas(sizeof(T) * V) Pack {
    T values[V];
};

// [1, 3, 3, 1] / 4 along a row of the transposed convolution, which is one wider than the result and padded by zeros.
template <class T, int V>
__device__ void filter_row(const LayerArguments& a, const T* x, int row, int column, float* sums) {
    for (int k = 0; k < V; k++) sums[k] = 0;
    if (row < 0 || row > a.height) return;
#pragma unroll
    for (int tap = 0; tap < 4; tap++) {
        int from = column - 1 + tap;
        if (from < 0 || from > a.width) continue;
        Pack<T, V> pack = *(const Pack<T, V>*)(x + row * a.x_row + from * a.x_column);
        float weight = tap == 0 || tap == 3 ? 0.25f : 0.75f;
#pragma unroll
        for (int k = 0; k < V; k++) sums[k] += weight * widen(pack.values[k]);
    }
}

// One thread takes V channels of one column down `rows` rows, so that it loads their parameters and filters each row
// of the input once.
template <class T, int V, bool FIR>
__device__ void layer(const LayerArguments& a) {
    int packs = a.channels / V;
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= packs * a.width) return;
    // Neighbouring threads touch neighbouring memory.
    bool channels_last = a.out_channel == 1;
    int channel = V * (channels_last ? index % packs : index / a.width);
    int column = channels_last ? index / packs : index % a.width;
    int first = blockIdx.y * a.rows, end = min(first + a.rows, a.height), batch = blockIdx.z;

    float scale[V], shift[V], style[V];
#pragma unroll
    for (int k = 0; k < V; k++) {
        long long one = channel + k, each = (long long)batch * a.channels + one;
        scale[k] = GAIN * (a.demodulation ? parameter<T>(a.demodulation, each, a.wide & DEMODULATION) : 1);
        shift[k] = GAIN * parameter<T>(a.bias, one, a.wide & BIAS);
        style[k] = a.style ? parameter<T>(a.style, each, a.wide & STYLE) : 1;
    }
    float strength = GAIN * (a.strength ? parameter<T>(a.strength, 0, a.wide & STRENGTH) : 1);

    const T* x = (const T*)a.x + batch * a.x_batch + channel * a.x_channel;
    T* out = (T*)a.out + batch * a.out_batch + channel * a.out_channel + column * a.out_column;
    long long noise = batch * a.noise_batch + column * a.noise_column;

    float above[V], middle[V], below[V], next[V];
    if (FIR) {
        filter_row<T, V>(a, x, first - 1, column, above);
        filter_row<T, V>(a, x, first, column, middle);
        filter_row<T, V>(a, x, first + 1, column, below);
    }
    for (int row = first; row < end; row++) {
        float values[V];
        if (FIR) {
            filter_row<T, V>(a, x, row + 2, column, next);
#pragma unroll
            for (int k = 0; k < V; k++) {
                values[k] = 0.25f * (above[k] + next[k]) + 0.75f * (middle[k] + below[k]);
                above[k] = middle[k];
                middle[k] = below[k];
                below[k] = next[k];
            }
        } else {
            Pack<T, V> pack = *(const Pack<T, V>*)(x + row * a.x_row + column * a.x_column);
#pragma unroll
            for (int k = 0; k < V; k++) values[k] = widen(pack.values[k]);
        }
        float added = a.noise ? strength * parameter<T>(a.noise, noise + row * a.noise_row, a.wide & NOISE) : 0;
        Pack<T, V> result;
#pragma unroll
        for (int k = 0; k < V; k++) {
            float value = values[k] * scale[k] + shift[k] + added;
            value = value < 0 ? SLOPE * value : value;
            narrow(clamped(value, a.clamp) * style[k], result.values[k]);
        }
        *(Pack<T, V>*)(out + row * a.out_row) = result;
    }
}

// One row of the skip upsampled by 2: an even column lies 1/4 towards its left neighbour, an odd one towards its right.
template <class T>
__device__ float upsampled_row(const RgbArguments& a, const T* skip, int row, int column) {
    if (row < 0 || row >= a.height / 2) return 0;
    int near = column / 2, far = column % 2 ? near + 1 : near - 1;
    skip += row * a.skip_row;
    float value = 0.75f * widen(skip[near * a.skip_column]);
    return far < 0 || far >= a.width / 2 ? value : value + 0.25f * widen(skip[far * a.skip_column]);
}

template <class T>
__device__ void rgb(const RgbArguments& a) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= a.channels * a.width) return;
    bool channels_last = a.out_channel == 1;
    int channel = channels_last ? index % a.channels : index / a.width;
    int column = channels_last ? index / a.channels : index % a.width;
    int first = blockIdx.y * a.rows, end = min(first + a.rows, a.height), batch = blockIdx.z;
    float bias = parameter<T>(a.bias, channel, a.wide & BIAS);
    const T* x = (const T*)a.rgb + batch * a.rgb_batch + channel * a.rgb_channel + column * a.rgb_column;
    const T* skip = (const T*)a.skip + batch * a.skip_batch + channel * a.skip_channel;
    T* out = (T*)a.out + batch * a.out_batch + channel * a.out_channel + column * a.out_column;
    for (int row = first; row < end; row++) {
        float value = clamped(widen(x[row * a.rgb_row]) + bias, a.clamp);
        if (a.skip) {
            int near = row / 2, far = row % 2 ? near + 1 : near - 1;
            value += 0.75f * upsampled_row(a, skip, near, column) + 0.25f * upsampled_row(a, skip, far, column);
        }
        narrow(value, out[row * a.out_row]);
    }
}

// result [columns] = vector [rows] · matrix [rows, columns], by all threads of the block; partial has a place for each.
__device__ void product(
    const float* vector, const float* matrix, int rows, int columns, float* result, float* partial
) {
    for (int first = 0; first < columns; first += blockDim.x) {
        int width = min(columns - first, (int)blockDim.x);
        int groups = blockDim.x / width, group = threadIdx.x / width, column = threadIdx.x % width;
        float sum = 0;
        if (group < groups) {
#pragma unroll 16
            for (int row = group; row < rows; row += groups)
                sum += vector[row] * matrix[(long long)row * columns + first + column];
        }
        partial[threadIdx.x] = sum;
        __syncthreads();
        if (threadIdx.x < width) {
            for (int other = 1; other < groups; other++) sum += partial[other * width + column];
            result[first + column] = sum;
        }
        __syncthreads();
    }
}

// One block for each convolution (x) and sample (y).
__device__ void styles(const StyleArguments& a) {
    __shared__ float vector[LARGEST_VECTOR], style[LARGEST_VECTOR], partial[STYLE_THREADS];
    const long long* shape = a.layout + 7 * blockIdx.x;
    const float *affine = a.affine + shape[0], *bias = a.bias + shape[1], *energy = a.energy + shape[2];
    int inputs = shape[3], outputs = shape[4], batch = blockIdx.y;
    const float* w = a.w + ((long long)batch * a.layers + shape[5]) * a.latent;
    float* result = a.out + a.batch * shape[1] + batch * inputs;
    float* demodulation = a.out + a.batch * (a.demodulations + shape[6]) + batch * outputs;
    float gain = a.gains[blockIdx.x];

    for (int i = threadIdx.x; i < a.latent; i += blockDim.x) vector[i] = w[i];
    __syncthreads();
    product(vector, affine, a.latent, inputs, style, partial);
    float largest = TINY;
    for (int i = threadIdx.x; i < inputs; i += blockDim.x) {
        style[i] += bias[i];
        largest = fmaxf(largest, fabsf(style[i]));
    }
    partial[threadIdx.x] = largest;
    __syncthreads();
    for (int half = STYLE_THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) partial[threadIdx.x] = fmaxf(partial[threadIdx.x], partial[threadIdx.x + half]);
        __syncthreads();
    }
    largest = outputs ? partial[0] : 1;
    for (int i = threadIdx.x; i < inputs; i += blockDim.x) {
        result[i] = style[i] / largest * gain;
        style[i] *= style[i];
    }
    __syncthreads();
    product(style, energy, inputs, outputs, vector, partial);
    for (int i = threadIdx.x; i < outputs; i += blockDim.x) demodulation[i] = largest * rsqrtf(vector[i] + EPSILON);
}

// The second of each pair reads and writes 16 bytes of channels at once.
#define LAYERS(type, T, V)                                                                      \
    KERNEL(epilogue_##type, LayerArguments, 256, (layer<T, 1, false>(a)))                      \
    KERNEL(epilogue_##type##_pack, LayerArguments, 256, (layer<T, V, false>(a)))               \
    KERNEL(fir_epilogue_##type, LayerArguments, 256, (layer<T, 1, true>(a)))                   \
    KERNEL(fir_epilogue_##type##_pack, LayerArguments, 256, (layer<T, V, true>(a)))            \
    KERNEL(rgb_skip_##type, RgbArguments, 256, rgb<T>(a))

LAYERS(float32, float, 4)
LAYERS(float16, Half, 8)
LAYERS(bfloat16, Brain, 8)
KERNEL(styles_float32, StyleArguments, STYLE_THREADS, styles(a))
