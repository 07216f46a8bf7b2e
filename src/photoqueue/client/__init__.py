"""The verbs of the SDK and the handles that they return."""
