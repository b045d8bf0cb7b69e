"""What "agrees" means, as figures: the arithmetic of launches, and whole nets beside PyTorch (tests compare them).

    PYTHONPATH=. python tests/agreement.py > rows.md

prints a row of docs/measurements/agreement.md for every example. Relative L2 per tensor, above a floor of
1e-6 of the largest gradient.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import netlang
from netlang.formula import absolute, where
from netlang.formula.term import Call, call
from netlang.gradcheck.alone import alone
from netlang.gradcheck.point import point, small
from netlang.graph import Input, State
from netlang.interpret import interpret
from netlang.layer import Layer
from netlang.loaded import Clock
from netlang.lower import loss_of, lower
from netlang.net import Net
from netlang.passes.pieces import without
from netlang.pipeline import compile_plan
from netlang.plan import NORM
from netlang.primitives.launch import Target
from netlang.primitives.map.op import Map, Update
from netlang.primitives.reference import Run, reference
from netlang.primitives.region.op import Region
from netlang.primitives.sum.op import Sum
from netlang.primitives.winograd.op import Winograd, WinogradGradient

EXAMPLES = Path(__file__).parents[1] / "examples"
FLOOR = 1e-6  # of the largest gradient of all: smaller ones are noise
LEFT = 0.1  # of the sizes of numbers that were added: what is below that is what is left where they cancel
BATCHES = 7
EXACT = 3  # of them, in float64 too: mathematics have no lucky batch
CORNER = 1e-6  # of what a comparison adds up: rounding decides what is nearer to a corner
NOISE = 3e-7  # a few roundings of float32: below it both are right


def feeds(prog, x, target, graph):
    """What the interpreter needs for a batch: the weights as they are in float32, read as float64."""
    given = {name: prog.weights[name].astype(np.float64) for name in prog.weights}
    for node in graph.made_by(Input):
        name = node.id.removeprefix("target").removeprefix(".")
        values = x if node.id in prog.net.graph else target
        given[node.id] = values[name or "output"] if isinstance(values, dict) else values
    some = next(iter(x.values())) if isinstance(x, dict) else x
    return {name: np.reshape(v, graph[name].type.arrayed(len(some))) for name, v in given.items()}


def reference_values(prog, purpose, x, target, run, *, updates=True):
    """Every value of the optimised graph in float64. updates: with those that weights and states become"""
    target64 = Target("float64", "f64", prog.target.tiles, 1)
    strict = prog.precision == "strict"
    graph = compile_plan(prog.checked, purpose, target64, prog.batch, strict=strict).optimised
    graph = graph if updates else without(graph, {n.id for n in graph if isinstance(n.made_by, State | Update)})
    return graph, interpret(graph, feeds(prog, x, target, graph), run)


def launch_errors(prog, x, target, n):
    """How far each launch is from the reference in float64, given the reference's inputs: (node, error)."""
    loaded = prog.loaded("train")
    graph, values = reference_values(prog, "train", x, target, Run(n, 1, rate=prog.rate), updates=False)
    gradients = [values[of] for name, of in graph.outputs.items() if name.startswith("d:")]
    floor = FLOOR * max(map(np.linalg.norm, gradients), default=0)
    squared = {name for of in loaded.plan.factored.values() for name in (of.x, of.dy)}
    for segment in ("prepare", "step"):
        for launch in loaded.plan.segments[segment]:
            if launch.node == NORM:
                continue
            for node in launch.writes:
                loaded.view(node)[:] = np.nan
            for buffer in launch.reads:  # some results lie in place of what is read
                loaded.write(buffer, values[buffer])

            loaded.run_one(segment, launch, n, Clock(step=1, seed=0, rate=prog.rate))

            for node in launch.writes:
                wanted = values.get(node, values[launch.reads[0]])  # the planner's copies have no node
                if node in graph and not set(graph[node].inputs).isdisjoint(launch.writes):  # a sum of what it made
                    made = (loaded.read(i, n) if i in launch.writes else values[i] for i in graph[node].inputs)
                    exact = tuple(np.asarray(value, np.float64) for value in made)
                    wanted = reference(graph[node].made_by, exact, graph[node].type, Run(n, step=1))
                if node in squared:
                    wanted = np.sum(np.square(wanted))
                least = max(floor if node.startswith("d:") else 0, cancelled(graph, node, values, n))
                certain = decided(graph, node, values, n)
                yield node, error(loaded.read(node, n) * certain, wanted * certain, least)


def decided(graph, node, values, n):
    """Where rounding decides no comparison of a formula, as whether a number is above zero; all but a few numbers."""
    made_by = graph[node].made_by if node in graph else None
    field = {Map: "term", Region: "after"}.get(type(made_by))
    pairs = list(compared(getattr(made_by, field))) if field else []
    if not pairs:
        return True
    near = [where(call("lt", absolute(a - b), CORNER * sizes(a - b)), 1.0, 0.0) for a, b in pairs]
    inputs = tuple(values[i] for i in graph[node].inputs)
    found = reference(replace(made_by, **{field: sum(near[1:], near[0])}), inputs, graph[node].type, Run(n, step=1))
    certain = np.broadcast_to(found, graph[node].type.arrayed(n)) == 0
    assert np.mean(certain) > 0.999, f"rounding decides too much of {node}"
    return certain


def compared(term):
    """The two sides of each comparison in a formula."""
    for arg in getattr(term, "args", ()):
        yield from compared(arg)
    if isinstance(term, Call) and term.name in ("gt", "lt", "ge", "le"):
        yield term.args


def cancelled(graph, node, values, n):
    """What is left of a sum whose numbers cancel is rounding: a share of the sum of their sizes, 0 for other nodes."""
    made_by = graph[node].made_by if node in graph else None
    if (isinstance(made_by, Sum) and made_by.how != "sum") or not isinstance(made_by, Sum | Map):
        return 0.0
    all_sizes = replace(made_by, term=sizes(made_by.term))
    inputs = tuple(values[i] for i in graph[node].inputs)
    return LEFT * np.linalg.norm(reference(all_sizes, inputs, graph[node].type, Run(examples=n, step=1)))


def sizes(term):
    """A bound of |term| without cancellation: |a| + |b| for a + b and a - b, |a| |b| for a b, |a| / |b| for a / b.

    Also inside what is chosen: a logit less the largest one is nothing, but for its rounding, where it is the largest.
    """
    if isinstance(term, Call) and term.name == "where":
        return call("where", term.args[0], *map(sizes, term.args[1:]))
    if isinstance(term, Call) and term.name in ("add", "sub", "mul", "div"):
        return call("add" if term.name == "sub" else term.name, *map(sizes, term.args))
    return absolute(term)


def error(value, wanted, floor=0.0):
    """Relative L2."""
    return np.linalg.norm(np.asarray(value, np.float64) - wanted) / max(np.linalg.norm(wanted), floor, 1e-30)


@dataclass(frozen=True)
class Agreement:
    """A net beside PyTorch.

    mathematics: float64 beside PyTorch's float64: the worst of loss, gradients and outputs
    arithmetic, theirs: all gradients in float32 beside PyTorch's float64, and PyTorch's own float32: in the middle one
        of its batches, and the least
    answers: outputs in float32, in evaluation, beside PyTorch's float64
    winograd: whether float32 takes fewer products
    """

    mathematics: float
    arithmetic: tuple[float, float]
    theirs: tuple[float, float]
    answers: float
    winograd: bool

    @property
    def ratio(self):
        """netlang's error in float32 over PyTorch's, in the middle or at least, whichever is less.

        Where rounding moves a pixel across a corner, all gradients in front of it change, by a thousand times what
        rounding changes elsewhere: in few batches, in about half of them or in all. Three times the rounding does so
        in up to three times as many, so that one middle may be with and the other without, or one least.
        """
        return min(ours / max(other, NOISE) for ours, other in zip(self.arithmetic, self.theirs, strict=True))


def beside_pytorch(checked, batch):
    """The figures of a net over several random batches: of one, each order of sums may be the lucky one."""
    batches = [batch_of(checked, batch, seed) for seed in range(BATCHES)]
    program, exact = compiled(checked, batch), compiled(checked, batch, dtype="f64")
    weights = {key: program.weights[key] for key in program.weights}
    worst, ours, theirs, answers = [], [], [], []
    for i, (x, target) in enumerate(batches):
        loss64, grads64, outputs64, kept = by_pytorch(checked, weights, x, target, "f64")
        theirs.append(whole(by_pytorch(checked, weights, x, target, "f32")[1], grads64))
        ours.append(whole(program.gradients(x, target)[1], grads64))
        answers += [error(y, outputs64[name]) for name, y in outputs(program, kept, x).items()]
        if i >= EXACT:
            continue
        loss, grads = exact.gradients(x, target)
        floor = FLOOR * max(np.linalg.norm(g) for g in grads64.values())
        worst += [abs(loss - loss64) / abs(loss64), *(error(grads[key], g, floor) for key, g in grads64.items())]
        worst += [error(y, outputs64[name]) for name, y in outputs(exact, kept, x).items()]
    made = program.stages("gradients").optimised
    winograd = any(isinstance(node.made_by, Winograd | WinogradGradient) for node in made)
    program.close()
    exact.close()
    found = [(float(np.median(errors)), min(errors)) for errors in (ours, theirs)]
    return Agreement(max(worst), *found, max(answers), winograd)


def worst_launch(checked, batch, precision, seed=0):
    """How far the worst launch of a training step is from the reference."""
    program = compiled(checked, batch, precision=precision)
    found = max(e for _, e in launch_errors(program, *batch_of(checked, batch, seed), batch))
    program.close()
    return found


def batch_of(checked, batch, seed):
    """Inputs that float32 holds, and targets, by their names."""
    at = point(checked, batch, seed)
    return {key: v if v.dtype.kind in "iu" else v.astype(np.float32) for key, v in at.inputs.items()}, dict(at.targets)


def compiled(checked, batch, **options):
    """A program with tame weights that float32 holds."""
    program = Net(checked).compile(batch, training=True, seed=1, **options)
    for key, value in tamed(checked, {key: np.array(program.weights[key]) for key in program.weights}).items():
        program.weights[key] = value.astype(np.float32)
    return program


def outputs(program, kept, x):
    """The answers in evaluation, by the names of the outputs, with these running statistics."""
    for key, value in kept.items():
        program.weights[key] = value
    found = program(x)
    names = [name for name, of in program.net.graph.outputs.items() if of in program.checked.running()]
    return found if isinstance(found, dict) else {names[0]: found}


def whole(grads, wanted):
    """The error of all gradients together: a pixel that rounding moves across a corner changes all in front of it."""
    away = sum(np.linalg.norm(np.asarray(grads[key], np.float64) - wanted[key]) ** 2 for key in wanted)
    return float(np.sqrt(away / sum(np.linalg.norm(g) ** 2 for g in wanted.values())))


def tamed(checked, weights):
    """The last scale of each residual block at 0.2: else PyTorch's own float32 is off by percents."""
    ends = {i for node in checked.graph if getattr(node.made_by, "skips", False) for i in node.inputs}
    for node in checked.graph:
        if node.id in ends and getattr(node.made_by, "norm", False):
            weights[f"{node.id}.scale"] = np.full_like(weights[f"{node.id}.scale"], 0.2)
    return weights


def by_pytorch(checked, weights, x, target, dtype):
    """Loss, gradients, and then, with the statistics of this batch as the running ones, outputs in evaluation."""
    import torch

    from netlang.layers.twin import to_netlang, twin

    kind = torch.float64 if dtype == "f64" else torch.float32
    made = twin(checked, dtype).load(weights)
    inputs = [torch.as_tensor(v) if v.dtype.kind in "iu" else torch.as_tensor(v, dtype=kind) for v in x.values()]
    masked(checked, made, len(target[next(iter(target))]), kind)
    loss = scored(checked, made, {key: torch.as_tensor(t) for key, t in target.items()}, inputs, kind)
    loss.backward()
    made.eval()
    kept = {
        f"{node.id}.{each.name}": getattr(made.parts[node.id], each.name).numpy().copy()
        for node in checked.graph.made_by(Layer)
        for each in node.made_by.kept(*(checked.graph[i].type for i in node.inputs[:1]))
    }
    with torch.no_grad():
        values = made.values(*inputs)
    ends = {name: of for name, of in checked.graph.outputs.items() if of in checked.running()}
    found = {name: to_netlang(values[of]).numpy() for name, of in ends.items()}
    return float(loss.detach()), made.gradients(), found, kept


def scored(checked, made, target, inputs, kind):
    """The weighted losses of all outputs, each by PyTorch's own fused function."""
    from netlang.layers.loss.torch import scored as of

    values = made.values(*inputs)
    shares = {output.name: output.weight for output in checked.outputs}
    total = 0
    for name, node in checked.graph.outputs.items():
        loss = loss_of(checked, name)
        wanted = target[name] if loss.target == "labels" else target[name].to(kind)
        total = total + shares.get(name, 1.0) * of(loss, values[made.reads[node][0] if loss.of else node], wanted)
    return total


def masked(checked, made, n, kind):
    """The twin drops what netlang drops in its first step."""
    import torch

    from netlang.layers.twin import to_torch

    for node in made.layers:
        if hasattr(made.parts[node.id], "kept"):
            graph = lower(alone(checked, node), training=True, scored=False)
            (source,) = graph.made_by(Input)
            ones = np.ones(source.type.arrayed(n))
            dropped = interpret(graph, {source.id: ones}, Run(examples=n, step=1, seed=1))[graph.outputs["output"]]
            made.parts[node.id].kept = to_torch(torch.as_tensor(dropped != 0, dtype=kind))


def examples(*only):
    """The name and the net of every example, or of these."""
    for path in sorted(EXAMPLES.glob("*.net")):
        if not only or path.stem in only:
            yield path.stem, netlang.load(path).checked


def row(name, checked, batch=2):
    """A line of docs/measurements/agreement.md."""
    net = small(checked, None, batch)
    found = beside_pytorch(net, batch)
    fast, strict = (worst_launch(net, batch, precision) for precision in ("fast", "strict"))
    size = ", ".join("x".join(map(str, node.type.arrayed(0)[1:])) for node in net.graph.made_by(Input))
    return (
        f"| {name} | {size} | {found.mathematics:.1e} | {fast:.1e}{' W' if found.winograd else ''} | {strict:.1e} "
        f"| {found.arithmetic[0]:.1e} | {found.theirs[0]:.1e} | {found.ratio:.2f} | {found.answers:.1e} |"
    )


if __name__ == "__main__":
    for name, checked in examples(*sys.argv[1:]):
        sys.stdout.write(f"{row(name, checked)}\n")
        sys.stdout.flush()
