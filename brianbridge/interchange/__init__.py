"""Networks that were trained elsewhere: read, rated, assembled, and written back.

Every reader builds the same small graph of layers and populations, and one path leads from it to
a `SpikingNetwork`:

=================  ==============================================================================
`nir`              NIR files: `from_nir`, `to_nir`, and what such files do not say
`torch`            torch modules: `from_torch`, and `from_state_dict` for weights alone
`frameworks`       the neurons of each torch framework, one file for each framework
`neuron_models`    neuron models whose step is the step of another framework; `firing` is a part
`graph`            the graph; `layer_shapes` follows the shapes through it
`assemble`         a network of a graph: `routes` finds what leads from population to population,
                   `chains` multiplies the layers of a route out, `projections` makes one of them
`rating`           how faithfully each node is taken over
=================  ==============================================================================

May import `neurons`, `encoding`, `network` and `io`.
"""
