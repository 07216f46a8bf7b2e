"""Workers: a supervisor, its processes, and the recovery of what lost workers held."""
