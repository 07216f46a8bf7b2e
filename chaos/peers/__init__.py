"""Other queues under the same kills, each with its own documented settings."""
