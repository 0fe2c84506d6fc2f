"""Run all steps of a population in one compiled loop, forward and backward.

`operations` reads the source of a rendered step, `adjoint` derives its reverse, `kernels` writes
both as numba code, and `scan` makes them one operation of torch.
"""
