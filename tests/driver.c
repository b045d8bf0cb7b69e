/* A stand-in for NVIDIA's driver library: it keeps memory on the host, runs no kernel, and writes down what is asked of it.
   test_cuda_driver.py compiles it, so that the calls of a program on a GPU can be looked at where there is none.
   What is not here answers 0, "success", and does nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Result;
typedef unsigned long long Pointer;

static int recording = 0;
static uintptr_t handles = 0x1000;
static void *current = 0;

static Result said(const char *form, ...) {
    va_list rest;
    va_start(rest, form);
    vfprintf(stderr, form, rest);
    va_end(rest);
    return 0;
}
static Result made(void **handle) { *handle = (void *)(handles += 16); return 0; }
static void waits(const char *what) { if (recording) said("cu: %s while recording\n", what); }
/* Streams and events are told by numbers, in the order in which they were made. */
static void *numbered[64];
static int number(void *handle) {
    int k = 0;
    while (k < 63 && numbered[k] && numbered[k] != handle) k++;
    numbered[k] = handle;
    return k + 1;
}
static Result copied(Pointer to, Pointer from, size_t bytes, const char *way, void *stream) {
    if (!stream) waits(way);
    memcpy((void *)to, (void *)from, bytes);
    return stream ? said("cu: %s on %d, %zu bytes\n", way, number(stream), bytes) : said("cu: %s %zu bytes\n", way, bytes);
}
/* Whether the environment names a call that this driver refuses. */
static Result refused(const char *call) {
    const char *told = getenv("STAND_IN_REFUSES");
    return told && !strcmp(told, call) ? 900 : 0;
}
static Result launched(unsigned blocks, unsigned threads, void **arguments, int together) {
    const char *words = getenv("STAND_IN_WORDS");
    if (recording && refused("launch")) return 900;
    said("cu: launch %u x %u%s%s\n", blocks, threads, together ? " together" : "", recording ? ", recorded" : "");
    for (int k = 0; words && k < atoi(words); k++) said("cu: word %llx\n", *(Pointer *)arguments[k]);
    return 0;
}

Result cuGetErrorName(Result error, const char **text) { *text = error == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_REFUSED"; return 0; }
Result cuGetErrorString(Result error, const char **text) { *text = error == 2 ? "out of memory" : "refused"; return 0; }
Result cuDriverGetVersion(int *version) { *version = 13040; return 0; }
Result cuDeviceGetCount(int *count) { *count = 1; return 0; }
Result cuDeviceGet(int *device, int ordinal) { *device = 0; return 0; }
Result cuDeviceGetName(char *name, int size, int device) { strncpy(name, "stand-in", size); return 0; }
Result cuDeviceGetUuid_v2(void *uuid, int device) { memset(uuid, 7, 16); return 0; }
Result cuDeviceGetAttribute(int *answer, int which, int device) {
    *answer = which == 75 ? 9 : which == 76 ? 0 : which == 16 ? 132 : which == 1 ? 1024 : which == 10 ? 32 : 1;
    return 0;
}
Result cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)0x100; return 0; }
Result cuCtxGetCurrent(void **context) { *context = current; return 0; }
Result cuCtxSetCurrent(void *context) { current = context; return 0; }
Result cuCtxPushCurrent_v2(void *context) { current = context; return 0; }
Result cuCtxPopCurrent_v2(void **context) { *context = current; return 0; }
Result cuCtxGetDevice(int *device) { *device = 0; return 0; }
Result cuStreamGetCtx(void *stream, void **context) { *context = (void *)0x100; return 0; }
Result cuStreamGetDevice(void *stream, int *device) { *device = 0; return 0; }

Result cuMemGetInfo_v2(size_t *nothing, size_t *total) {
    const char *told = getenv("STAND_IN_FREE");
    *nothing = told ? strtoull(told, 0, 10) : 1ull << 33;
    *total = 1ull << 37;
    return 0;
}
Result cuMemAlloc_v2(Pointer *at, size_t bytes) {
    waits("memory");
    if (refused("memory")) return 2;
    *at = (Pointer)calloc(1, bytes);
    return 0;
}
Result cuMemHostAlloc(void **at, size_t bytes, unsigned flags) { if (refused("host memory")) return 2; *at = malloc(bytes); return 0; }
Result cuPointerGetAttribute(void *data, int which, Pointer at) {
    if (which == 2) *(unsigned *)data = 2;
    else *(Pointer *)data = which == 1 ? 0x100 : at;
    return 0;
}
Result cuMemcpyHtoD_v2(Pointer to, const void *from, size_t bytes) { return copied(to, (Pointer)from, bytes, "to device", 0); }
Result cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, void *stream) {
    return copied(to, (Pointer)from, bytes, "to device", stream);
}
Result cuMemcpyDtoH_v2(void *to, Pointer from, size_t bytes) { return copied((Pointer)to, from, bytes, "to host", 0); }
Result cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, void *stream) {
    return copied((Pointer)to, from, bytes, "to host", stream);
}
Result cuMemcpyDtoD_v2(Pointer to, Pointer from, size_t bytes) { return copied(to, from, bytes, "on device", 0); }
Result cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void *stream) {
    return copied(to, from, bytes, "on device", stream);
}

Result cuEventCreate(void **event, unsigned flags) { return made(event); }
Result cuEventRecord(void *event, void *stream) { return said("cu: event %d behind %d\n", number(event), number(stream)); }
Result cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
    return said("cu: %d waits for event %d\n", number(stream), number(event));
}

Result cuStreamCreate(void **stream, unsigned flags) { made(stream); number(*stream); return 0; }
Result cuStreamSynchronize(void *stream) { waits("waiting"); return 0; }
Result cuStreamIsCapturing(void *stream, int *answer) { *answer = recording; return 0; }
Result cuStreamBeginCapture_v2(void *stream, int mode) {
    if (refused("begin")) return 900;
    recording = 1;
    return said("cu: record\n");
}
Result cuStreamEndCapture(void *stream, void **graph) {
    recording = 0;
    said("cu: recorded\n");
    return refused("end") ? 900 : made(graph);
}
Result cuStreamGetCaptureInfo_v3(void *stream, int *status, Pointer *id, void **graph, void *of, void *edges, size_t *count) {
    *status = recording;
    if (id) *id = 1;
    if (graph) *graph = (void *)0x200;
    if (count) *count = 0;
    return 0;
}
Result cuGraphInstantiateWithParams(void **made_of, void *graph, void *params) {
    memset((char *)params + 24, 0, 4);
    return refused("graph") ? 900 : made(made_of);
}
Result cuGraphLaunch(void *graph, void *stream) { return refused("graph launch") ? 900 : said("cu: graph\n"); }

Result cuLibraryLoadData(void **library, const void *code, void *a, void *b, unsigned n, void *c, void *d, unsigned m) {
    waits("loading");
    return made(library);
}
Result cuLibraryGetKernel(void **kernel, void *library, const char *name) { return made(kernel); }
Result cuKernelGetFunction(void **function, void *kernel) { *function = kernel; return 0; }
Result cuKernelGetAttribute(int *answer, int which, void *kernel, int device) { *answer = 32; return 0; }
Result cuFuncGetAttribute(int *answer, int which, void *kernel) { *answer = 32; return 0; }
Result cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *function, int threads, size_t shared) {
    *blocks = 1;
    return 0;
}
/* Grid, block, bytes of shared memory, stream, and attributes, of 72 bytes each: number 2 says "cooperative". */
struct Launch { unsigned grid[3], block[3], shared; void *stream; const int *attributes; unsigned count; };
Result cuLaunchKernelEx(const struct Launch *of, void *kernel, void **arguments, void **extra) {
    int together = 0;
    for (unsigned k = 0; k < of->count; k++) together |= of->attributes[18 * k] == 2 && of->attributes[18 * k + 2];
    return launched(of->grid[0], of->block[0], arguments, together);
}
Result cuLaunchKernel(void *kernel, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned b, unsigned c, unsigned shared,
                      void *stream, void **arguments, void **extra) {
    return launched(x, threads, arguments, 0);
}

static Result succeeds(void) { return 0; }
Result cuInit(unsigned flags) { return 0; }
Result cuGetProcAddress_v2(const char *name, void **found, int version, Pointer flags, int *status) {
    static const char *forms[] = {"%s_v3", "%s_v2", "%s"};
    void *self = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    char symbol[128];
    *found = 0;
    for (int k = 0; k < 3 && !*found; k++) {
        snprintf(symbol, sizeof symbol, forms[k], name);
        *found = dlsym(self, symbol);
    }
    if (!*found) *found = (void *)succeeds;
    if (status) *status = 0;
    return 0;
}
Result cuGetProcAddress(const char *name, void **found, int version, Pointer flags) {
    return cuGetProcAddress_v2(name, found, version, flags, 0);
}
