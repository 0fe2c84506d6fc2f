"""Compare twin and Brian2, spike by spike, on random networks: ``brianbridge bench parity``.

`case` is the plan of a network, `builder` builds it, `draw` draws both from a seed and a number.
`check` runs a network on every path and compares, `tally` counts, `report` writes the result.
"""
