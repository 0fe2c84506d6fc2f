"""Rules that learn at the equilibrium of a feedback network.

`implicit` solves for the gradient at the equilibrium numerically, `spide` by a second spiking
network (`backward_network`). Both derive from the class in `base`. May import what
`brianbridge.rules` may. A rule with another solver goes into a module here.
"""
