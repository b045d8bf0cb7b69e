"""What CUDA kernels are written in beside Numba's own: PTX instructions as functions, or their stand-ins.

    load_4(into, source, at) ; store_4(to, at, values)     four numbers at once, 16 bytes of float32: between memory, at
                                           a multiple of 4, and a thread's own array
    load_2, store_2                        two of them, at a multiple of 2
    load_8, store_8                        eight of them, at a multiple of 8
    load_8_bf16, store_8_bf16, load_4_bf16, ...    the same of bf16 in memory, two in the place of a float32;
                                           at: in numbers. A thread's own are float32, rounded where they are stored
    load_1(source, at)                     one number, at no negative place
    fresh_1(source, at) ; fresh_4(into, source, at)    one, or four float32, as other blocks have written them: past the
                                           caches of a multiprocessor
    store_1_bf16(to, at, x)                one in bf16
    arrive(counters, at) ; arrived(counters, at)    counts a block in, with all that its threads have written up to a
                                           barrier; how many have come, whose writes can be read from then on
    exchanged(x, distance)                 the x of the thread whose number differs by this power of 2, of all 32
    copy_16(tile, to, source, at, there)   16 bytes from memory into shared memory, on their way while others compute;
                                           zeros unless `there` (`cp.async`). to, at: in elements, multiples of 4
    copied()                               closes the group of copies so far
    all_copied() ; all_but_one_copied()    waits for all groups of this thread, or all but the last
    matrices(tile, at)                     four matrices of 8 rows of 4 float32 (`ldmatrix`): thread 8 j + i names row i
                                           of the matrix j; register j holds element lane % 4 of its row lane // 4
    turned_matrices(tile, at)              the same of 8 bf16 a row, columns as if they had been rows (`ldmatrix.trans`)
    tf32(x) ; pair(low, high)              rounded for the products: a float32; two bf16 in its 32 bits
    mma_tf32, mma_bf16(a0, a1, a2, a3, b0, b1, c0, c1, c2, c3) -> 4 sums
                                           m16n8k8, m16n8k16 (`fragments.py`), by all 32 threads of a warp

Nothing here has run on a GPU. In Numba's simulator stand-ins in Python take their place (`warp.py`), made of the maps
of `fragments.py`: it proves that texts hand each thread the elements that these maps say. PTX for sm_80 has them all.
"""

import importlib
import os

_SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
functions = importlib.import_module(f"netlang.simd.{'warp' if _SIMULATED else 'instructions'}")

load_4, load_2, store_4, store_2 = functions.load_4, functions.load_2, functions.store_4, functions.store_2
load_8, store_8, load_8_bf16, store_8_bf16 = (
    functions.load_8, functions.store_8, functions.load_8_bf16, functions.store_8_bf16
)  # fmt: skip
load_4_bf16, load_2_bf16 = functions.load_4_bf16, functions.load_2_bf16
store_4_bf16, store_2_bf16 = functions.store_4_bf16, functions.store_2_bf16
load_1, exchanged = functions.load_1, functions.exchanged
fresh_1, fresh_4, store_1_bf16 = functions.fresh_1, functions.fresh_4, functions.store_1_bf16
arrive, arrived = functions.arrive, functions.arrived
copy_16, copied = functions.copy_16, functions.copied
matrices, turned_matrices = functions.matrices, functions.turned_matrices
all_copied, all_but_one_copied = functions.all_copied, functions.all_but_one_copied
tf32, pair, mma_tf32, mma_bf16 = functions.tf32, functions.pair, functions.mma_tf32, functions.mma_bf16
