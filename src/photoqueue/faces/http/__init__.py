"""The HTTP API and its board: the client's verbs and read models over HTTP."""
