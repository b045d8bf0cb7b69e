"""What a kernel asks of its team block (block.py), the barrier between threads, and the executor's loops.

All functions take the block's address, as kernels do. What is more than a few instructions is compiled once, in `meet`,
and called by kernels through the block.
"""

import ctypes

from llvmlite import ir
from numba import types

from netlang.simd.atomics import (
    PARK_NANOSECONDS,
    SPIN_ALONE,
    SPIN_NANOSECONDS,
    atomic_add,
    atomic_load,
    atomic_store,
    compare_and_swap,
    core,
    flush_denormals,
    nanoseconds,
    publish,
    restore,
    wait_while,
)
from netlang.simd.block import (
    ARRIVED,
    ASKED,
    BARRIER,
    BESIDE,
    CLAIM,
    CORES,
    DONE,
    EACH,
    ENDED,
    EXAMPLES,
    FIRST,
    GENERATION,
    JOB,
    LAUNCHES,
    LEAD,
    LOOPS,
    MEET,
    QUEUE,
    RATE,
    SEED,
    SHARE,
    SHARES,
    STATUS,
    STEP,
    STOP,
    STOPPED,
    TABLE,
    THREADS,
)
from netlang.simd.emitted import INT64, constant, emits, inlined, pointer

PIECES = 4  # that the last quarter of each thread's share is cut into
PAUSE = 200_000  # nanoseconds between runs in a row, at most: who sleeps longer is woken late on a core of its own
LOOP = 1 << 20  # more than there are pieces of a loop


def _word(team: int, index: int) -> int:
    return ctypes.c_int64.from_address(team + 8 * index).value


def threads(team: int) -> int:
    """How many threads run the kernel."""
    return _word(team, THREADS)


def examples(team: int) -> int:
    """Examples in this batch, at most those the plan was made for."""
    return _word(team, EXAMPLES)


def first(team: int) -> int:
    """The public index of the batch's first example: where its random numbers start."""
    return _word(team, FIRST)


def step(team: int) -> int:
    """Optimizer steps, this one included: 1 in the first."""
    return _word(team, STEP)


def seed(team: int) -> int:
    """The key of all random numbers of the program."""
    return _word(team, SEED)


def rate(team: int) -> float:
    """The learning rate, float64."""
    return ctypes.c_double.from_address(team + 8 * RATE).value


def stopped(team: int) -> bool:
    """Whether the run was asked to end before the last barrier: the same answer in all threads."""
    return atomic_load(team + 8 * STOPPED) != 0


def report(team: int, status: int) -> None:
    """Tell the caller of the run, e.g. that a loss is not finite. 0 means that all is well; the last report stays."""
    atomic_store(team + 8 * STATUS, status)


def reported(team: int) -> int:
    """What `report` was last told in this run."""
    return atomic_load(team + 8 * STATUS)


def split(count: int, part: int, parts: int) -> tuple[int, int]:
    """The half-open range of part `part` when `count` things are cut into `parts`, even to within one."""
    return count * part // parts, count * (part + 1) // parts


def call_kernel(address: int, args: int, team: int, thread: int) -> None:
    """Run the kernel at an address."""
    ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(address)(args, team, thread)


def _field(function, index):
    @emits(function, types.int64(types.int64))
    def _(builder, team):
        return builder.load(pointer(builder, builder.add(team, constant(8 * index))), align=8)


for _function, _index in ((threads, THREADS), (examples, EXAMPLES), (first, FIRST), (step, STEP), (seed, SEED)):
    _field(_function, _index)


@emits(rate, types.float64(types.int64))
def _(builder, team):
    return builder.load(pointer(builder, builder.add(team, constant(8 * RATE)), ir.DoubleType()), align=8)


@emits(stopped, types.boolean(types.int64))
def _(builder, team):
    word = builder.load_atomic(pointer(builder, builder.add(team, constant(8 * STOPPED))), "monotonic", 8)
    return builder.icmp_signed("!=", word, constant(0))


@emits(report, types.void(types.int64, types.int64))
def _(builder, team, status):
    builder.store_atomic(status, pointer(builder, builder.add(team, constant(8 * STATUS))), "seq_cst", 8)


@emits(reported, types.int64(types.int64))
def _(builder, team):
    return builder.load_atomic(pointer(builder, builder.add(team, constant(8 * STATUS))), "seq_cst", 8)


@emits(call_kernel, types.void(*[types.int64] * 4))
def _(builder, address, args, team, thread):
    kernel = ir.FunctionType(ir.VoidType(), [INT64] * 3)
    builder.call(builder.inttoptr(address, kernel.as_pointer()), [args, team, thread])


@emits(split, types.UniTuple(types.int64, 2)(types.int64, types.int64, types.int64))
def _(builder, count, part, parts):
    def bound(index):
        return builder.udiv(builder.mul(count, index), parts)

    return bound(part), bound(builder.add(part, constant(1)))


def barrier(team: int, thread: int) -> None:
    """Return when all threads of the team have come here; what they wrote before is then visible to all.

    The last to come publishes `stop` as `stopped`, so that all threads leave at the same barrier.
    """
    _barrier(team, thread)


def share(count: int, least: int, piece: int, team: int, thread: int) -> tuple[int, int]:
    """The half-open range of `count` things that a thread has for its own (piece 0), or that make up a piece.

    What a thread has for its own is three quarters of what `split` gives; the rest makes PIECES pieces, of multiples of
    `least` things, which `claim` gives to whoever is through. Processors that are shared with strangers are not equally
    fast, nor the same one always.
    """
    first, stop = _share(count, least, piece, team, thread)
    return first, stop


def claim(count: int, least: int, team: int, thread: int) -> int:
    """The number of the next piece of these things, from 1, or -1 if there is none left: then the loop is done.

    All threads of a team come through the same loops, of the same counts, in the same order, and there is one queue for
    all of them: what it holds is the number of a loop and that of its pieces that are taken. Who comes from a later
    loop has seen the end of the pieces of this one.
    """
    taken: int = _claim(count, least, team, thread)
    return taken


@emits(barrier, types.void(types.int64, types.int64))
def _(builder, team, thread):
    _ask(builder, BARRIER, team, thread)


@emits(share, types.UniTuple(types.int64, 2)(*[types.int64] * 5))
def _(builder, count, least, piece, team, thread):
    first, stop, _ = _ask(builder, SHARE, team, thread, count, least, piece)
    return builder.load(first, align=8), builder.load(stop, align=8)


@emits(claim, types.int64(*[types.int64] * 4))
def _(builder, count, least, team, thread):
    taken, *_ = _ask(builder, CLAIM, team, thread, count, least)
    return builder.load(taken, align=8)


def _ask(builder, what, team, thread, *about):
    """Call `meet`; where its words lie, which say what it is about, and then the answer."""
    line = builder.add(team, builder.mul(thread, constant(8 * EACH)))
    words = [pointer(builder, builder.add(line, constant(8 * (ASKED + k)))) for k in range(3)]
    for word, value in zip(words, about, strict=False):  # as many as there are
        builder.store(value, word, align=8)
    kernel = ir.FunctionType(ir.VoidType(), [INT64] * 3).as_pointer()
    meet = builder.load(pointer(builder, builder.add(team, constant(8 * MEET))), align=8)
    builder.call(builder.inttoptr(meet, kernel), [constant(what), team, thread])
    return words


@inlined(types.void(*[types.int64] * 3))
def meet(what, team, thread):
    """All that threads do together, behind one address: lead, follow from a job on, or what a kernel asks for."""
    asked = team + 8 * (ASKED + EACH * thread)
    if what >= 0:
        follow(team, thread, what)
    elif what == LEAD:
        lead(team)
    elif what == BARRIER:
        _barrier(team, thread)
    elif what == SHARE:
        first, stop = _share(atomic_load(asked), atomic_load(asked + 8), atomic_load(asked + 16), team, thread)
        atomic_store(asked, first)
        atomic_store(asked + 8, stop)
    else:
        atomic_store(asked, _claim(atomic_load(asked), atomic_load(asked + 8), team, thread))


@inlined(types.void(types.int64, types.int64))
def _barrier(team, thread):
    generation = atomic_load(team + 8 * GENERATION)  # cannot move before this thread has arrived
    if atomic_add(team + 8 * ARRIVED, 1) == threads(team) - 1:
        atomic_store(team + 8 * ARRIVED, 0)
        if atomic_load(team + 8 * STOP) != 0:
            atomic_store(team + 8 * STOPPED, 1)
        publish(team + 8 * GENERATION, generation + 1)
    else:
        shared = atomic_load(team + 8 * (SHARES + EACH * thread)) != 0
        wait_while(team + 8 * GENERATION, generation, SPIN_NANOSECONDS if shared else SPIN_ALONE, PARK_NANOSECONDS)


@inlined(types.UniTuple(types.int64, 2)(*[types.int64] * 5))
def _share(count, least, piece, team, thread):
    parts = threads(team)
    begin, end = split(count, thread if piece == 0 else (piece - 1) % parts, parts)
    own = end - _loose(count, least, parts)
    if piece == 0:
        return begin, own
    low, high = split((end - own) // least, (piece - 1) // parts, PIECES)
    return own + low * least, own + high * least


@inlined(types.int64(*[types.int64] * 4))
def _claim(count, least, team, thread):
    parts = threads(team)
    if _loose(count, least, parts) == 0:
        return -1
    mine = team + 8 * (LOOPS + EACH * thread)
    loop = atomic_load(mine) * LOOP
    while True:
        seen = atomic_load(team + 8 * QUEUE)
        taken = seen - loop
        if taken < 0:
            taken = 0
        if taken >= PIECES * parts:
            break
        if compare_and_swap(team + 8 * QUEUE, seen, loop + taken + 1):
            return taken + 1
    atomic_store(mine, loop // LOOP + 1)
    return -1


@inlined(types.int64(*[types.int64] * 3))
def _loose(count, least, parts):
    """How many things of a thread's share are not its own: the same for all threads."""
    return count // parts // 4 // least * least if parts > 1 else 0


@inlined(types.void(types.int64, types.int64))
def run_launches(team, thread):
    """One thread's part of a run: all launches of the table, then a barrier. All leave after the same one."""
    atomic_store(team + 8 * (CORES + EACH * thread), core(thread))
    row = atomic_load(team + 8 * TABLE)
    count = atomic_load(team + 8 * LAUNCHES)
    done = 0
    while done < count:
        call_kernel(atomic_load(row), atomic_load(row + 8), team, thread)
        if atomic_load(row + 16) != 0:
            _barrier(team, thread)
        if stopped(team):
            break
        row += 24
        done += 1
    if thread == 0:
        atomic_store(team + 8 * DONE, done)
    _barrier(team, thread)
    atomic_store(team + 8 * (SHARES + EACH * thread), _shares(team, thread))


@inlined(types.int64(types.int64, types.int64))
def _shares(team, thread):
    """1 if the thread began its run on the core of another one, else 0.

    Linux leaves two there for as long as neither sleeps: it moves nobody who ran just now. Who sleeps is woken on a
    free core, if there is one. Who is alone need not offer its core to strangers at every barrier.
    """
    mine = atomic_load(team + 8 * (CORES + EACH * thread))
    found = 0
    for other in range(threads(team)):
        if other != thread and atomic_load(team + 8 * (CORES + EACH * other)) == mine:
            found = 1
    return found


@inlined(types.void(types.int64))
def lead(team):
    """Thread 0: begin a run, take part in it, and return when all threads are through. LAUNCHES < 0 sends them home."""
    job = team + 8 * JOB
    publish(job, atomic_load(job) + 1)
    if atomic_load(team + 8 * LAUNCHES) >= 0:
        paused = nanoseconds() - atomic_load(team + 8 * ENDED) > PAUSE
        before = flush_denormals()  # the thread is the caller's, who may want them
        run_launches(team, 0)
        restore(before)
        _note(team, paused)


@inlined(types.void(types.int64, types.boolean))
def _note(team, paused):
    """Thread 0: when the run ended, and whether threads shared a core; some may have said it of the run before only."""
    found = 0
    for thread in range(threads(team)):
        if atomic_load(team + 8 * (SHARES + EACH * thread)) != 0:
            found = 1
    atomic_store(team + 8 * BESIDE, found if paused else found * (atomic_load(team + 8 * BESIDE) + 1))
    atomic_store(team + 8 * ENDED, nanoseconds())


@inlined(types.void(*[types.int64] * 3))
def follow(team, thread, job):
    """The other threads: take part in every run after the job number `job`, asleep in between."""
    flush_denormals()
    while True:
        shared = atomic_load(team + 8 * (SHARES + EACH * thread)) != 0
        wait_while(team + 8 * JOB, job, SPIN_NANOSECONDS, 0 if shared else PARK_NANOSECONDS)
        job += 1
        if atomic_load(team + 8 * LAUNCHES) < 0:
            return
        run_launches(team, thread)
