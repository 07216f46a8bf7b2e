"""The Huey side: a queue for each job type, which carries job ids to workers and nothing else."""
