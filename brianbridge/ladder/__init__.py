"""Verify a network on a ladder of simulation conditions, and judge what held.

`rungs` reads ladder files, `verify` runs a ladder, `execution` does the simulations, `tolerances`
and `judgement` judge the results, `verdict` holds them. May import `measures`, `perturbations` and
all below them. A new remedy goes to `brianbridge.remedies`, a new tolerance to `tolerances`.
"""
