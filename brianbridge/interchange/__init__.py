"""Networks that were trained elsewhere: read, rated, assembled, and written back.

`from_nir` reads NIR files (`nir_file`, `nir_read`) into a small graph (`graph`), of which
`assemble` makes a `SpikingNetwork`; `to_nir` writes one. What a NIR file does not say is in
`conventions`. May import `neurons`, `encoding`, `network` and `io`.
"""
