"""Files: what brianbridge writes to disk and reads back."""
