"""Mechanisms of Brian2's published examples, written anew from their papers; one module each."""
