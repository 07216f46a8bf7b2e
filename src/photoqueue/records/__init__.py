"""What jobs are made of and deliver: each declared once, and knowing nothing of how it is shown."""
