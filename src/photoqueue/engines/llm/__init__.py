"""The engine ``llm``: a vision model behind any OpenAI-compatible server lists the things."""

from photoqueue.engines.llm.engine import LlmEngine, build_llm

__all__ = ["LlmEngine", "build_llm"]
