"""Measurements of photoqueue, beside its peers where there are any."""
