"""The PostgreSQL side: the tracking table, which is the truth about every job."""
