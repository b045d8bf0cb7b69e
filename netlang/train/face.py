"""What training asks of a net and of its compiled program. `program.py` answers; tests answer with something small."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from netlang.types import Tensor

Array = NDArray[Any]
Supervised = tuple[Array, Array, Array | None]  # x[n, ...], targets, and lengths of sequences where they differ


class Store(Protocol):
    """Tensors by name: reading gives a copy in the public shape, assigning sets."""

    def __getitem__(self, name: str) -> Array: ...
    def __setitem__(self, name: str, value: Array) -> None: ...
    def __iter__(self) -> Iterator[str]: ...


class Program(Protocol):
    """A compiled net.

    batch: the most examples one call takes; fewer are welcome
    rate: the learning rate of the next step
    norm: the length of the gradient of the last step, over all weights
    steps: optimizer steps done; with `seed` it decides every random number of the next step
    state: what the optimizer remembers, by name
    choices: of convolutions, as they were measured
    whole_steps: whether a step that runs comes to its end, whoever breaks it off

    A KeyboardInterrupt or NetError out of `train` leaves the weights as before the step or as after it.
    """

    batch: int
    rate: float
    norm: float
    steps: int
    choices: dict[str, str]
    whole_steps: bool

    @property
    def weights(self) -> Store:
        """See above."""
        ...

    @property
    def state(self) -> Store:
        """See above."""
        ...

    def __call__(self, x: Array, lengths: Array | None = None) -> Array:
        """The output for x[n, ...], in evaluation mode. lengths: of sequences, [n], where they differ."""
        ...

    def train(self, batches: Iterable[Supervised]) -> Iterator[float]:
        """An optimizer step on each batch; the loss of each before it, averaged over its examples.

        A device that works by itself gets the next batch meanwhile.
        """
        ...

    def real_steps(self, lengths: Array) -> Array | None:
        """How many steps of the output are real for examples of these lengths; None if it is no sequence.

        Raises LengthsError where the net cannot take one of them.
        """
        ...

    def gradient_norms(self) -> dict[str, float]:
        """The length of the last step's gradient by each trained weight."""
        ...

    def close(self) -> None:
        """Let the threads go."""
        ...


class Net(Protocol):
    """A checked net, ready to compile.

    input: the type of what it reads; output: of what it answers
    labelled: whether its loss takes class numbers [n] rather than values in the shape of the output
    identity: changes when what is computed changes, not when comments do
    """

    name: str
    variant: str | None
    text: str

    @property
    def train(self) -> Mapping[str, Any]:
        """The settings of the file's `train:` statement."""
        ...

    @property
    def input(self) -> Tensor:
        """See above."""
        ...

    @property
    def output(self) -> Tensor:
        """See above."""
        ...

    @property
    def labelled(self) -> bool:
        """See above."""
        ...

    @property
    def identity(self) -> str:
        """See above."""
        ...

    def suited(self, targets: str) -> None:
        """Raise Misfit where neither the loss nor the last layer is made for data of "labels"."""
        ...

    def compile(
        self,
        batch: int,
        device: str = "cpu",
        training: bool = False,
        seed: int = 0,
        threads: int | None = None,
        train: Mapping[str, Any] | None = None,
        check_memory: bool = False,
        check_nan: bool = False,
        *,
        memory: int | None = None,
        choices: Mapping[str, str] | None = None,
    ) -> Program:
        """A program.

        train: settings that replace those of the file's `train:`, such as the optimizer
        choices: of convolutions; None for those of this machine
        """
        ...
