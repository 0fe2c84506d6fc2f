"""Networks of torch modules, read by running them once.

`from_torch` runs a module on an example (`trace`), in which each tensor has a tag that says what it
stands for (`tags`, and `functions` between modules). `graph` makes nodes of what was seen, with
`layers` for those without neurons. `from_state_dict` takes weights only.
"""
