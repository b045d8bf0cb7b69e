"""The layers. Importing this package makes every one of them known to `netlang.layer.find`."""

from netlang.layers.activation import op as activation
from netlang.layers.conv import op as conv
from netlang.layers.deconv import op as deconv
from netlang.layers.dense import op as dense
from netlang.layers.local import op as local
from netlang.layers.maxout import op as maxout
from netlang.layers.merge import op as merge
from netlang.layers.merge import residual
from netlang.layers.norm import local as response
from netlang.layers.norm import op as norm
from netlang.layers.pool import op as pool
from netlang.layers.random import op as random
from netlang.layers.recurrent import op as recurrent
from netlang.layers.scale import op as scale
from netlang.layers.sequence import op as sequence
from netlang.layers.shape import op as shape
from netlang.layers.softmax import op as softmax
from netlang.layers.tokens import op as tokens

__all__ = [
    "activation",
    "conv",
    "deconv",
    "dense",
    "local",
    "maxout",
    "merge",
    "norm",
    "pool",
    "random",
    "recurrent",
    "residual",
    "response",
    "scale",
    "sequence",
    "shape",
    "softmax",
    "tokens",
]
