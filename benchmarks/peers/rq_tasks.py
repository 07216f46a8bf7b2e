"""The task of RQ, which wants it in a module of its own."""


def nothing() -> None:
    """Do nothing."""
