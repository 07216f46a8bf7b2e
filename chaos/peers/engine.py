"""photoqueue's engine under the kills."""

from __future__ import annotations

from PIL import Image

from chaos.peers.effects import work
from photoqueue import Analysis, Hint


class Working:
    """Does the work, finds nothing."""

    name = "working"
    model = "none"

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        """Do the work."""
        work(hint.photo_id)
        return Analysis(room_type="kitchen", confidence=0.5)


def make() -> Working:
    """Return the engine."""
    return Working()
