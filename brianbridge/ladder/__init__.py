"""Verification: the ladder of conditions, what is measured on each rung, and the verdict."""
