"""Furnished rooms built from parts: what the training pictures and the sample homes show."""
