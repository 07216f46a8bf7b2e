"""photoqueue and its peers, each behind the same few verbs."""
