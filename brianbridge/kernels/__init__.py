"""What compiled loops of several rooms share.

`vectors` are explicit vector instructions in numba code; `windows` adds the kernels of convolutions
with them, and `rasters` lists spikes. `generated` imports generated source with a cache, `threads`
shares work between torch's threads, `memory` is used again, and `costs` measures which of two ways
is faster. May import `io` and the ground.
"""
