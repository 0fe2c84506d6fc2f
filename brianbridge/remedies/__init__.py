"""Remedies: what can be done when a rung fails, one per file.

`calibrate` scales populations until they fire as much as the twin, `fine_tune` trains with Brian2
in the loop. May import `ladder` and all below it. A new remedy is one file here with one subclass
of `brianbridge.ladder.remedy.Remedy`; ladder files find it by its ``name``.
"""
