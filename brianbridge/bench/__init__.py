"""Benchmarks: the speed of every path, and parity of twin and Brian2 on random networks.

`simulate` measures times and fails if spikes of a contestant differ; `contestants` has the paths.
`train` times a step of training beside other frameworks (`peers`); `learners` has its contestants.
`own` times a user's own network beside plain Brian2, and its memory. `parity` compares random
networks spike by spike. May import `rules`, `training`, `measures`, `simulation` and all rooms
below them; only the command line imports this room. A new way to simulate is one function in
`contestants`, with an entry in `CONTESTANTS`.
"""
