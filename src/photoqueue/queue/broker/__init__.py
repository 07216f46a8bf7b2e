"""The Huey side: two queues that carry job ids to workers, and nothing else."""
