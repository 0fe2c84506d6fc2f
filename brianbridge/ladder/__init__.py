"""Verify a network on a ladder of conditions of rising fidelity, and judge.

`rungs` reads ladder files, `tasks` is the unit of work, `judge` turns what runs gave into numbers,
`verdict` holds them, `verify` leads through all of it. May import `measures`, `perturbations` and
all below them.
"""
