"""The profile of long runs; known before pytest reads which one it is to use."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("long", deadline=None, print_blob=True)
