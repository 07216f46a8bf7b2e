"""Faults injected at random into a whole installation, and what must hold after them.

``python -m chaos --help``, or ``make chaos``.
"""
