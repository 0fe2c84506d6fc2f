"""NIR files, read and written.

`from_nir` reads a file (`file`, with the checks of `fields`), makes one graph of
graphs within graphs (`flatten`), and its nodes those of `brianbridge.interchange.graph` (`read`,
`layers`, `neurons`), by the `conventions` of the framework that trained it. `to_nir` finds the
neuron of NIR that a model is (`forms`) and writes the nodes (`nodes`); `own_file` adds what gives
back the same network. `describe` says what is in a file.
"""
