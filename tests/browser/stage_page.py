"""The large photo of the Review page on a page of its own, with a room of a sample home.

The front end runs as it is; a few lines answer in place of Python: pictures come, edits are saved.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Locator

from photoqueue.client.review_head import catalogue_page
from photoqueue.faces.notebook.pages import script, style
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.catalogue_file import CATEGORIES
from tests.browser.static_page import StaticPage

HOME: Final = Path(__file__).parents[2] / "data" / "samples" / "maple-street"
ROOM: Final = "living room"
CATALOGUE: Final = Catalogue.load()

SCRIPT: Final = script(
    *("words", "review_edits", "review_queue", "review_pictures", "review_store"),
    *("review_boxes", "review_name", "review_same", "review_parts"),
    *("review_view", "review_gestures", "review_stage"),
)
_RENDER: Final = """
export default { render({ model, el }) {
  const store = reviewStore(model);
  const stage = reviewStage(store);
  const keys = { r: "rename", d: "remove", a: "accept", s: "same", p: "apart", x: "stays",
    n: "draw", "+": "zoomIn", "-": "zoomOut", 0: "zoomReset", Escape: "cancel" };
  const said = document.createElement("p");
  el.className = "pq pq-view";
  el.append(stage.element, said);
  el.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const command = stage.commands[keys[event.key]];
    event.stopPropagation();
    if (!command) return;
    event.preventDefault();
    command();
  });
  store.on(() => { said.textContent = store.said.text; stage.update(); });
  store.go(model.get("start"));
  Object.assign(window, { store, stage, leaked: [] });
  document.addEventListener("keydown", (event) => leaked.push(event.key));
} };
"""
_KERNEL: Final = """
(pictures) => {
  let number = 0;
  window.refuse = null;
  window.kernel = async (message) => {
    await null; // as a kernel does, later
    if (message.kind === "pictures") for (const photo of message.photos) {
      const bytes = pictures[photo];
      const buffers = bytes ? [Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))] : [];
      const reason = bytes ? null : "The picture is not in the store.";
      const answer = { kind: "picture", photo, size: message.size, reason };
      if (bytes !== null) model.tell(answer, buffers);
    } else if (message.kind === "edit") {
      const { ref } = message;
      if (window.refuse) model.tell({ kind: "refused", ref, error: window.refuse, again: false });
      else model.tell({ kind: "saved", ref, number: number += 1, words: "" });
    }
  };
}
"""


def living_room(**changed: Any) -> dict[str, Any]:
    """Return a room as the page gets it: what stands in the sample home, with a doubtful desk."""
    told = json.loads((HOME / "truth.json").read_text(encoding="utf-8"))
    views = next(room for room in told["rooms"] if room["room"] == ROOM)["views"]
    photos: list[dict[str, Any]] = []
    things: dict[str, dict[str, list[str]]] = {}
    for view in views:
        name = Path(view["photo"]).stem
        items = []
        for box in view["boxes"]:
            if box["visible"] < 0.2:
                continue
            item_id = f"{name}/{box['id']}"
            items.append(
                item(item_id, box["key"], box["box"], score=round(0.5 + box["visible"] / 2, 2))
            )
            things.setdefault(box["key"], {}).setdefault(box["id"], []).append(item_id)
        photos.append(photo(name, items, width=view["width"], height=view["height"]))
    desk = item("view-3/desk", "desk", [0.035, 0.53, 0.297, 0.906], score=0.46)
    desk["alternatives"] = [
        {"key": "pouffe", "name": "pouffe (ottoman)", "share": 0.31},
        {"key": "stool", "name": "stool", "share": 0.12},
    ]
    photos[2]["items"].append(desk)
    things["desk"] = {"desk": ["view-3/desk"]}
    lines = [line(key, number, kinds) for number, (key, kinds) in enumerate(things.items())]
    room = {"name": ROOM, "photos": photos, "lines": lines} | changed
    letter(room)
    return room


def item(item_id: str, key: str, box: list[float] | None, *, score: float | None) -> dict[str, Any]:
    known = CATALOGUE.by_key(key)
    assert known
    return {
        "id": item_id,
        "name": known.name_en,
        "key": key,
        "category": str(known.category),
        "score": score,
        "box": box,
        "merged": [],
        "line": key,
        "letter": "",
        "alternatives": [],
        "by": None,
        "did": None,
    }


def photo(name: str, items: list[dict[str, Any]], **changed: Any) -> dict[str, Any]:
    return {
        "id": name,
        "title": name,
        "file": f"{name}.jpg",
        "room": ROOM,
        "state": "completed",
        "width": 1280,
        "height": 960,
        "error": None,
        "duplicateOf": None,
        "items": items,
    } | changed


def line(key: str, colour: int, things: dict[str, list[str]]) -> dict[str, Any]:
    known = CATALOGUE.by_key(key)
    assert known
    volume, count = known.volume_usual, len(things)
    return {
        "id": key,
        "name": known.name_en,
        "key": key,
        "category": str(known.category),
        "colour": colour,
        "count": count,
        "volume": count * volume,
        "volumeOne": volume,
        "volumeOneMin": known.volume_low,
        "volumeOneMax": known.volume_high,
        "dismountable": False,
        "seenCount": None,
        "correction": None,
        "stays": 0,
        "held": 0,
        "check": "seen in one of 3 photos only and with little certainty (0.46)" * (key == "desk"),
        "by": None,
        "things": [
            {
                "letter": "",
                "items": ids,
                "counts": True,
                "why": "",
                "stays": False,
                "settled": False,
                "doubtful": key == "desk",
            }
            for ids in things.values()
        ],
    }


def letter(room: dict[str, Any]) -> None:
    """Give the things of each line their letters."""
    items = {one["id"]: one for each in room["photos"] for one in each["items"]}
    for one in room["lines"]:
        for number, thing in enumerate(one["things"]):
            thing["letter"] = chr(ord("A") + number) if len(one["things"]) > 1 else ""
            for item_id in thing["items"]:
                items[item_id]["letter"] = thing["letter"]


class StagePage:
    """The stage on its page."""

    def __init__(self, static: StaticPage) -> None:
        self.static, self.page = static, static.page

    def show(
        self,
        room: dict[str, Any] | None = None,
        *,
        start: dict[str, Any] | None = None,
        pictures: dict[str, bytes | None] | None = None,
        dark: bool = False,
        lang: str = "en",
        actions: bool = True,
        width: int | None = None,
    ) -> None:
        """Show a room; ``pictures`` by photo: None never comes, empty bytes are none."""
        one = room or living_room()
        shown = {each["id"]: _jpeg(each["id"]) for each in one["photos"]} | (pictures or {})
        things = sum(each["count"] for each in one["lines"])
        head = {
            "project": "maple-street",
            "user": "anna",
            "things": things,
            "newest": 0,
            "volume": 8.0,
            "volumeMin": 6.0,
            "volumeMax": 10.0,
            "check": {"left": 1, "of": 1},
            "undo": None,
            "redo": None,
            "unplaced": [],
        }
        rooms = [
            {
                "name": one["name"],
                "kind": "living room",
                "photos": len(one["photos"]),
                "failed": 0,
                "things": things,
                "volume": 8.0,
                "left": 1,
                "reviewed": None,
            }
        ]
        state = {
            "head": head,
            "rooms": rooms,
            "catalogue": catalogue_page(CATALOGUE),
            "lang": lang,
            "actions": actions,
            "alone": True,
            "notice": "",
            "categories": {name: f"{name} things" for name in CATEGORIES},
            "start": start or {"room": one["name"], "photo": "view-3", "item": "view-3/desk"},
            **{f"part_{number}": [one] if number == 0 else [] for number in range(16)},
        }
        width_rule = f"#widget {{ width: {width}px; }}" if width else ""
        sheet = style("review_stage") + "body { margin: 12px; }" + width_rule
        self.page.evaluate(
            "() => { try { localStorage.clear(); } catch { /* a page without storage */ } }"
        )
        sent = {
            name: None if data is None else base64.b64encode(data).decode()
            for name, data in shown.items()
        }
        self.static.show(SCRIPT + _RENDER, sheet, state, dark=dark, before=(_KERNEL, sent))

    def box(self, name: str) -> Locator:
        """Return a box of the photo by how its name begins."""
        return self.page.locator(f'.pq-frame .pq-box[aria-label^="{name}"]')

    def tool(self, name: str) -> Locator:
        return self.page.get_by_role("toolbar").get_by_role("button", name=name, exact=True)

    @property
    def edit(self) -> list[dict[str, Any]]:
        """Wait for one edit; return its parts."""
        self.page.wait_for_function("() => model.sent.some(({ kind }) => kind === 'edit')")
        (one,) = self.edits
        return one

    @property
    def edits(self) -> list[list[dict[str, Any]]]:
        """What was sent as edits since this was last asked for: the parts of each."""
        sent = [one for one in self.static.sent if one["kind"] == "edit"]
        alone = ("verb", "values", "named")
        return [one.get("edits") or [{name: one[name] for name in alone}] for one in sent]

    @property
    def focus(self) -> str:
        """Say what has the focus."""
        return str(
            self.page.evaluate(
                "() => document.activeElement.ariaLabel ?? document.activeElement.textContent"
            )
        )

    def at(self, name: str = "item") -> Any:
        return self.page.evaluate("(name) => store.at[name]", name)


def _jpeg(name: str) -> bytes:
    return (HOME / ROOM / f"{name}.jpg").read_bytes()


def at(stage: StagePage, x: float, y: float) -> tuple[float, float]:
    """Return where a point of the picture is on the screen."""
    box = stage.page.locator(".pq-plane").bounding_box()
    assert box
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def press_at(stage: StagePage, x: float, y: float) -> None:
    stage.page.mouse.click(*at(stage, x, y))


def drag(stage: StagePage, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag with the mouse from one point of the picture to another."""
    mouse = stage.page.mouse
    mouse.move(*at(stage, *start))
    mouse.down()
    mouse.move(*at(stage, *end), steps=4)
    mouse.up()


def roughly(box: list[float], wanted: list[float]) -> bool:
    return all(abs(one - other) < 0.01 for one, other in zip(box, wanted, strict=True))
