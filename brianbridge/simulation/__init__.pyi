from .backend import Backend as Backend
from .batched.dense_projection import DenseProjection as DenseProjection
