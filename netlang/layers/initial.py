"""How weights start."""

import math
import re
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

if TYPE_CHECKING:  # imported where it is called: NumPy takes 0.1 s to load
    import numpy as np

Initial = Literal["auto", "he", "xavier", "lecun", "orthogonal", "normal", "uniform", "zeros", "ones"]
SCALED = ("normal", "uniform")  # words that take a number in brackets: `init=normal(0.01)`
SPREAD = 0.05  # where none is given: the standard deviation of `normal`; `uniform` lies between -0.05 and 0.05
_CALL = re.compile(r"(\w+)\((.+)\)")


def generator(seed: int, name: str) -> "np.random.Generator":
    """The random numbers of one weight: told by the seed and its full name, not by what was drawn before."""
    import numpy as np

    key = np.array([seed & 0xFFFFFFFFFFFFFFFF, crc32(name.encode())], np.uint64)  # a list would pass through float64
    return np.random.Generator(np.random.Philox(key=key))


def array(
    word: str, shape: tuple[int, ...], fans: tuple[int, int], rng: "np.random.Generator"
) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """A weight at the start, in float64.

    word:
        he          normal, variance 2 / fan in                   (He et al. 2015, eq. 10)
        xavier      uniform, variance 2 / (fan in + fan out)      (Glorot and Bengio 2010, eq. 16)
        lecun       normal, variance 1 / fan in                   (LeCun et al. 1998, "Efficient BackProp", eq. 16)
        orthogonal  rows or columns of a random rotation          (Saxe et al. 2014)
        normal      deviation 0.05      uniform  from -0.05 to 0.05      zeros      ones
        normal(s)   deviation s         uniform(s)  from -s to s         constant(s)  all s
        auto        he where the next layer is a rectifier, else xavier: `lower` has replaced it
    fans: how many numbers each output sums over, and each input feeds
    """
    import numpy as np

    fan_in, fan_out = fans
    word, number = parts(word)
    match word:
        case "he":
            return rng.normal(0, math.sqrt(2 / fan_in), shape)
        case "xavier" | "auto":
            limit = math.sqrt(6 / (fan_in + fan_out))
            return rng.uniform(-limit, limit, shape)
        case "lecun":
            return rng.normal(0, math.sqrt(1 / fan_in), shape)
        case "orthogonal":
            return _orthogonal(shape, rng)
        case "normal":
            return rng.normal(0, number, shape)
        case "uniform":
            return rng.uniform(-number, number, shape)
        case "zeros":
            return np.zeros(shape)
        case "ones":
            return np.ones(shape)
        case "constant":
            return np.full(shape, number)
    raise ValueError(f"no initialisation is called {word}")


def parts(word: str) -> tuple[str, float]:
    """The word and its number: "normal(0.01)" is "normal" and 0.01."""
    found = _CALL.fullmatch(word)
    return (found[1], float(found[2])) if found else (word, SPREAD)


def _orthogonal(shape: tuple[int, ...], rng: "np.random.Generator") -> "np.ndarray[Any, np.dtype[np.float64]]":
    import numpy as np

    rows, columns = math.prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))  # makes the rotation uniformly distributed
    return np.asarray(q if rows >= columns else q.T).reshape(shape)
