"""The broker: one Huey queue per job type, which carries only job ids to workers."""
