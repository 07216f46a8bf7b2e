"""Comparing engines and ways to add up, on homes and photos whose contents are known."""
