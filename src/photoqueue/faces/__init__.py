"""What people see: cards, the notebook workbench, the HTTP API, the command line."""
