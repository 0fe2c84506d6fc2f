"""Read the Brian2 network of a user, and write trained weights back into it."""
