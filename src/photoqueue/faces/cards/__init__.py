"""Static HTML cards and short texts that show values in notebooks and shells.

They depend on no clock, address or I/O: a saved notebook shows the same card when it is reopened.
They use only the attributes of a value, so that even the lowest layers can have cards.
"""
