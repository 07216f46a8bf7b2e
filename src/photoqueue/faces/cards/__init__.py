"""Static HTML cards and calm texts: what values look like in a notebook and in a shell.

No clock, no address and no I/O: a saved notebook shows the same card when it is opened
again. Nothing here knows more of a value than its attributes, so that the lowest layers can
draw themselves.
"""
