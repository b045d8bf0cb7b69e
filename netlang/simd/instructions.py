"""The functions of `gpu.py` as PTX instructions (PTX ISA 9.0), in code that Numba compiles for CUDA."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

I32, I64, F32, VOID = ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.VoidType()
NEAR = "{ .reg .u64 t; .reg .u32 s; cvta.to.shared.u64 t, %s; cvt.u32.u64 s, t; "  # s: an address in shared memory


def _asm(builder: Any, result: Any, takes: list[Any], text: str, how: str, given: Any, effect: bool = True) -> Any:
    return builder.call(ir.InlineAsm(ir.FunctionType(result, takes), text, how, side_effect=effect), given)


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Of an element, as an int64."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.ptrtoint(builder.gep(data, [index]), I64)


def _wide(context: Any, builder: Any, kind: Any, array: Any, index: Any, count: int) -> Any:
    """Where `count` numbers lie that are read or written at once."""
    data = context.make_array(kind)(context, builder, array).data
    number = context.get_value_type(kind.dtype)
    return builder.bitcast(builder.gep(data, [index]), ir.VectorType(number, count).as_pointer())


def _own(context: Any, builder: Any, kind: Any, array: Any, k: int) -> Any:
    """The place of number k of a thread's own array."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [ir.Constant(I64, k)])


def _loading(code: Any) -> Any:
    """The function (into, source, at) of these instructions."""

    @intrinsic
    def loaded(typing, into, source, at):
        return types.void(into, source, types.int64), code

    return loaded


def _storing(code: Any) -> Any:
    """The function (to, at, values) of these instructions."""

    @intrinsic
    def stored(typing, to, at, values):
        return types.void(to, types.int64, values), code

    return stored


def _load(count: int) -> Any:
    """One vector of LLVM into a thread's own array: of four it becomes `ld.global.v4.f32`, or two of `.v2.f64`."""

    def code(context, builder, signature, arguments):
        place = _wide(context, builder, signature.args[1], arguments[1], arguments[2], count)
        found = builder.load(place, align=4 * count)
        for k in range(count):
            to = _own(context, builder, signature.args[0], arguments[0], k)
            builder.store(builder.extract_element(found, ir.Constant(I32, k)), to)
        return context.get_dummy_value()

    return _loading(code)


@intrinsic
def load_1(typing, source, at):
    """A load, without Numba's question whether the place is counted from the end."""

    def code(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load(builder.gep(data, [arguments[1]]))

    return source.dtype(source, types.int64), code


def _store(count: int) -> Any:
    """As many numbers of a thread's own array into memory."""

    def code(context, builder, signature, arguments):
        place = _wide(context, builder, signature.args[0], arguments[0], arguments[1], count)
        values = ir.Constant(place.type.pointee, ir.Undefined)
        for k in range(count):
            value = builder.load(_own(context, builder, signature.args[2], arguments[2], k))
            values = builder.insert_element(values, value, ir.Constant(I32, k))
        builder.store(values, place, align=4 * count)
        return context.get_dummy_value()

    return _storing(code)


def _halves(context: Any, builder: Any, kind: Any, array: Any, index: Any, count: int) -> Any:
    """Where `count` bf16 lie, two in each 32 bits, in an array of float32."""
    data = builder.bitcast(context.make_array(kind)(context, builder, array).data, ir.IntType(16).as_pointer())
    return builder.bitcast(builder.gep(data, [index]), ir.VectorType(I32, count // 2).as_pointer())


def _load_halves(count: int) -> Any:
    """Of bf16, whose bits are the upper half of a float32's."""

    def code(context, builder, signature, arguments):
        words = builder.load(
            _halves(context, builder, signature.args[1], arguments[1], arguments[2], count), align=2 * count
        )
        for k in range(count):
            word = builder.extract_element(words, ir.Constant(I32, k // 2))
            bits = (
                builder.and_(word, ir.Constant(I32, 0xFFFF0000)) if k % 2 else builder.shl(word, ir.Constant(I32, 16))
            )
            builder.store(builder.bitcast(bits, F32), _own(context, builder, signature.args[0], arguments[0], k))
        return context.get_dummy_value()

    return _loading(code)


def _store_halves(count: int) -> Any:
    """Rounded to bf16."""

    def code(context, builder, signature, arguments):
        place = _halves(context, builder, signature.args[0], arguments[0], arguments[1], count)
        words = ir.Constant(place.type.pointee, ir.Undefined)
        for k in range(0, count, 2):
            low, high = (builder.load(_own(context, builder, signature.args[2], arguments[2], k + e)) for e in (0, 1))
            words = builder.insert_element(words, _pair(builder, low, high), ir.Constant(I32, k // 2))
        builder.store(words, place, align=2 * count)
        return context.get_dummy_value()

    return _storing(code)


def _pair(builder: Any, low: Any, high: Any) -> Any:
    """`cvt.rn.bf16x2.f32`, which takes the upper half first."""
    return _asm(builder, I32, [F32, F32], "cvt.rn.bf16x2.f32 $0, $1, $2;", "=r,f,f", [high, low], effect=False)


load_8_bf16, load_4_bf16, load_2_bf16 = map(_load_halves, (8, 4, 2))
store_8_bf16, store_4_bf16, store_2_bf16 = map(_store_halves, (8, 4, 2))
load_8, load_4, load_2 = map(_load, (8, 4, 2))
store_8, store_4, store_2 = map(_store, (8, 4, 2))


@intrinsic
def fresh_1(typing, source, at):
    """`ld.global.cg`: from the cache that all multiprocessors share."""

    def code(context, builder, signature, arguments):
        where = _address(context, builder, signature.args[0], *arguments)
        kind, letter, suffix = (F32, "f", "f32") if source.dtype == types.float32 else (ir.DoubleType(), "d", "f64")
        return _asm(builder, kind, [I64], f"ld.global.cg.{suffix} $0, [$1];", f"={letter},l,~{{memory}}", [where])

    return source.dtype(source, types.int64), code


def _fresh_4(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Four float32 at once."""
    where = _address(context, builder, signature.args[1], arguments[1], arguments[2])
    text = "ld.global.cg.v4.f32 {$0, $1, $2, $3}, [$4];"
    made = _asm(builder, ir.LiteralStructType([F32] * 4), [I64], text, "=f,=f,=f,=f,l,~{memory}", [where])
    for k in range(4):
        builder.store(builder.extract_value(made, k), _own(context, builder, signature.args[0], arguments[0], k))
    return context.get_dummy_value()


fresh_4 = _loading(_fresh_4)


@intrinsic
def store_1_bf16(typing, to, at, x):
    """`st.global.u16` of `cvt.rn.bf16.f32`."""

    def code(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.gep(builder.bitcast(data, ir.IntType(16).as_pointer()), [arguments[1]])
        bits = _asm(builder, ir.IntType(16), [F32], "cvt.rn.bf16.f32 $0, $1;", "=h,f", [arguments[2]], effect=False)
        builder.store(bits, place)
        return context.get_dummy_value()

    return types.void(to, types.int64, types.float32), code


@intrinsic
def arrive(typing, counters, at):
    """`red.release`: what the thread has seen written others can read once they have seen the count."""

    def code(context, builder, signature, arguments):
        where = _address(context, builder, signature.args[0], *arguments)
        _asm(builder, VOID, [I64], "red.release.gpu.global.add.u32 [$0], 1;", "l,~{memory}", [where])
        return context.get_dummy_value()

    return types.void(counters, types.int64), code


@intrinsic
def arrived(typing, counters, at):
    """`ld.acquire`."""

    def code(context, builder, signature, arguments):
        where = _address(context, builder, signature.args[0], *arguments)
        found = _asm(builder, I32, [I64], "ld.acquire.gpu.global.u32 $0, [$1];", "=r,l,~{memory}", [where])
        return builder.zext(found, I64)

    return types.int64(counters, types.int64), code


@intrinsic
def exchanged(typing, x, distance):
    """`shfl.sync.bfly.b32`."""

    def code(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[0], I32)
        text = "shfl.sync.bfly.b32 $0, $1, $2, 31, -1;"
        made = _asm(builder, I32, [I32, I32], text, "=r,r,r", [bits, builder.trunc(arguments[1], I32)])
        return builder.bitcast(made, F32)

    return types.float32(types.float32, types.int64), code


@intrinsic
def copy_16(typing, tile, to, source, at, there):
    """`cp.async` of 16 bytes; of none, where zeros are wanted: the rest is filled with them."""

    def code(context, builder, signature, arguments):
        near = _address(context, builder, signature.args[0], arguments[0], arguments[1])
        far = _address(context, builder, signature.args[2], arguments[2], arguments[3])
        size = builder.select(arguments[4], ir.Constant(I32, 16), ir.Constant(I32, 0))
        text = NEAR % "$0" + "cp.async.cg.shared.global [s], [$1], 16, $2; }"
        _asm(builder, VOID, [I64, I64, I32], text, "l,l,r,~{memory}", [near, far, size])
        return context.get_dummy_value()

    return types.void(tile, types.int64, source, types.int64, types.boolean), code


def _of_copies(text: str) -> Any:
    """An instruction without operands."""

    def code(context, builder, signature, arguments):
        _asm(builder, VOID, [], text, "~{memory}", [])
        return context.get_dummy_value()

    @intrinsic
    def instruction(typing):
        return types.void(), code

    return instruction


copied = _of_copies("cp.async.commit_group;")
all_copied = _of_copies("cp.async.wait_group 0;")
all_but_one_copied = _of_copies("cp.async.wait_group 1;")


def _matrices(turned: str) -> Any:
    """`ldmatrix`, which knows halves of 16 bits: a row of 8 of them is one of 4 float32."""

    def code(context, builder, signature, arguments):
        row = _address(context, builder, signature.args[0], arguments[0], arguments[1])
        text = NEAR % "$4" + f"ldmatrix.sync.aligned.m8n8.x4{turned}.shared.b16 {{$0, $1, $2, $3}}, [s]; }}"
        made = _asm(builder, ir.LiteralStructType([I32] * 4), [I64], text, "=r,=r,=r,=r,l,~{memory}", [row])
        values = [builder.bitcast(builder.extract_value(made, k), F32) for k in range(4)]
        return context.make_tuple(builder, signature.return_type, values)

    @intrinsic
    def matrices(typing, tile, at):
        return types.UniTuple(types.float32, 4)(tile, types.int64), code

    return matrices


matrices, turned_matrices = _matrices(""), _matrices(".trans")


@intrinsic
def tf32(typing, x):
    """`cvt.rna.tf32.f32`: to nearest, ties away from zero."""

    def code(context, builder, signature, arguments):
        made = _asm(builder, I32, [F32], "cvt.rna.tf32.f32 $0, $1;", "=r,f", arguments, effect=False)
        return builder.bitcast(made, F32)

    return types.float32(types.float32), code


@intrinsic
def pair(typing, low, high):
    """Two bf16 in the 32 bits of a float32."""

    def code(context, builder, signature, arguments):
        return builder.bitcast(_pair(builder, *arguments), F32)

    return types.float32(types.float32, types.float32), code


def _product(shape: str) -> Any:
    """`mma.sync` of this shape; the sums go on in their registers."""
    text = f"mma.sync.aligned.{shape} {{$0, $1, $2, $3}}, {{$4, $5, $6, $7}}, {{$8, $9}}, {{$10, $11, $12, $13}};"
    how = ",".join(["=f"] * 4 + ["r"] * 6 + [str(k) for k in range(4)])

    def code(context, builder, signature, arguments):
        factors = [builder.bitcast(value, I32) for value in arguments[:6]]
        takes = [*[I32] * 6, *[F32] * 4]
        made = _asm(builder, ir.LiteralStructType([F32] * 4), takes, text, how, [*factors, *arguments[6:]])
        values = [builder.extract_value(made, k) for k in range(4)]
        return context.make_tuple(builder, signature.return_type, values)

    @intrinsic
    def mma(typing, a0, a1, a2, a3, b0, b1, c0, c1, c2, c3):
        return types.UniTuple(types.float32, 4)(*[types.float32] * 10), code

    return mma


mma_tf32 = _product("m16n8k8.row.col.f32.tf32.tf32.f32")
mma_bf16 = _product("m16n8k16.row.col.f32.bf16.bf16.f32")
