"""The notebook workbench: widgets, gallery and charts on top of the client's verbs."""
