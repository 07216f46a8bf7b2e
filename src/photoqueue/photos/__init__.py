"""Photos: read from anywhere, decoded safely, kept by content."""
