"""The engine ``llm``: a vision model behind an OpenAI-compatible server."""
