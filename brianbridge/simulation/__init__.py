"""Spiking networks in Brian2: the reference path, in the canonical order of a step."""
