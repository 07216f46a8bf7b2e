"""Workers: the supervisor, its processes, and the recovery of lost jobs."""
