"""How the built-in model and the sample homes are made; not part of the installed package."""
