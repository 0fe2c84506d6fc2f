"""Networks that were trained elsewhere: read, rated, assembled, and written back."""
