"""Sphinx: Markdown pages, and a reference that is made from the code at each build."""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE / "extensions"), str(_HERE.parent / "src")]

from photoqueue import __version__  # noqa: E402  # the path is set above

project = "photoqueue"
author = "the photoqueue authors"
release = version = __version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "parts"]
exclude_patterns = ["extensions"]
nitpicky = False

html_theme = "furo"
html_title = f"photoqueue {__version__}"
html_show_sourcelink = False
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
# Headings can be linked to: [text](page.md#heading).
myst_heading_anchors = 4
# A link to a page or a heading that is not there ends the build.
suppress_warnings: list[str] = []

napoleon_google_docstring = False
# Attributes of a class as one list; as objects of their own they would be there twice.
napoleon_use_ivar = True
autodoc_typehints = "none"
autodoc_class_signature = "mixed"
