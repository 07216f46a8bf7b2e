"""What strangers send: a few seconds of it in every run of the tests, hours with ``make fuzz``."""
