"""The layers. Importing this package makes every one of them known to `netlang.layer.find`."""

from netlang.layers.activation import op as activation
from netlang.layers.conv import op as conv
from netlang.layers.dense import op as dense
from netlang.layers.merge import op as merge
from netlang.layers.pool import op as pool
from netlang.layers.random import op as random
from netlang.layers.shape import op as shape
from netlang.layers.softmax import op as softmax

__all__ = ["activation", "conv", "dense", "merge", "pool", "random", "shape", "softmax"]
