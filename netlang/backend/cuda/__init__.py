"""CUDA: how the planner sees a GPU, whether there is one, its memory, and kernels compiled and launched.

`numba.cuda` is that of the package numba-cuda, from the extra `cuda`: what Numba itself carries is deprecated, and does
not find the compiler of the `nvidia` wheels. Numba loads only where a kernel is compiled or a GPU is used.
"""
