"""Make the sample home of the package from a larger one: ``python -m tools.make_sample_home``.

Two rooms of ``maple-street``, each in two views that show everything in it between them,
smaller and recompressed; the truth comes along.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

from PIL import Image

from photoqueue.samples import SAMPLE_HOME, TRUTH_FILE

SOURCE: Final = Path("data/samples/maple-street")
#: Room → its views.
VIEWS: Final = {"living room": ("view-1", "view-2"), "bedroom": ("view-1", "view-2")}
SIZE: Final = (1024, 768)
QUALITY: Final = 80


def main() -> None:
    """Write the home anew."""
    shutil.rmtree(SAMPLE_HOME, ignore_errors=True)
    told = json.loads((SOURCE / TRUTH_FILE).read_text(encoding="utf-8"))
    rooms = [_room(room) for room in told["rooms"] if room["room"] in VIEWS]
    items = [item for room in rooms for item in room["items"]]
    home = {
        "home": SAMPLE_HOME.name,
        "rooms": rooms,
        "totalItems": len(items),
        "totalVolume": round(sum(item["volume"] for item in items), 3),
    }
    (SAMPLE_HOME / TRUTH_FILE).write_text(json.dumps(home, indent=1) + "\n", encoding="utf-8")


def _room(room: dict[str, Any]) -> dict[str, Any]:
    wanted = [f"{room['room']}/{view}.jpg" for view in VIEWS[room["room"]]]
    for photo in wanted:
        target = SAMPLE_HOME / photo
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(SOURCE / photo) as image:
            image.resize(SIZE, Image.Resampling.LANCZOS).save(
                target, quality=QUALITY, optimize=True
            )
    kept = {name: room[name] for name in ("room", "roomType", "items")}
    return {**kept, "views": [{"photo": photo} for photo in wanted]}


if __name__ == "__main__":
    main()
