"""The Review page on a page of its own, over a kernel that answers what a test has it answer."""

from __future__ import annotations

from typing import Any, Final

from playwright.sync_api import Locator, Route, expect

from photoqueue.client.review_head import catalogue_page
from photoqueue.faces.notebook.review import ReviewView
from photoqueue.inventory.catalogue_file import CATEGORIES
from tests.browser.stage_page import CATALOGUE, living_room
from tests.browser.static_page import StaticPage

#: An address that this test answers itself: pages with an address have a storage.
ADDRESS: Final = "http://localhost/review"
KITCHEN: Final = "kitchen"


def kitchen() -> dict[str, Any]:
    """Return a room of one doubtful table that one photo shows."""
    room = living_room(name=KITCHEN)
    room["photos"] = [room["photos"][2] | {"id": "k1", "title": "k1", "room": KITCHEN}]
    (desk,) = [one for one in room["photos"][0]["items"] if one["id"] == "view-3/desk"]
    room["photos"][0]["items"] = [desk | {"id": "k1/desk"}]
    (line,) = [one for one in room["lines"] if one["key"] == "desk"]
    line["things"][0]["items"] = ["k1/desk"]
    room["lines"] = [line]
    return room


def summary(room: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": room["name"],
        "kind": room["name"],
        "photos": len(room["photos"]),
        "failed": 0,
        "things": sum(line["count"] for line in room["lines"]),
        "volume": sum(line["volume"] for line in room["lines"]),
        "left": sum(bool(line["check"]) for line in room["lines"]),
        "reviewed": None,
    }


def state(**head: Any) -> dict[str, Any]:
    """Return the traits of a project with two rooms, one thing to check in each."""
    rooms = [living_room(), kitchen()]
    sums = [summary(room) for room in rooms]
    photos = sum(one["photos"] for one in sums)
    told = {
        "project": "maple-street",
        "projects": [],
        "fixed": True,
        "user": "anna",
        "engine": "detector of a test",
        "banner": "",
        "analysis": {
            "total": photos,
            "completed": photos,
            "failed": 0,
            "waiting": 0,
            "active": 0,
            "secondsLeft": None,
            "worker": True,
        },
        "things": sum(one["things"] for one in sums),
        "volume": 8.0,
        "volumeMin": 6.0,
        "volumeMax": 10.0,
        "lorry": None,
        "weight": None,
        "check": {"left": 2, "of": 2},
        "strategy": "max",
        "strategies": {"max": "the most seen in one photo"},
        "warnings": [],
        "inventory": {"words": "", "running": False},
        "undo": None,
        "redo": None,
        "newest": 0,
        "others": [],
        "unplaced": [],
    }
    return {
        "head": told | head,
        "rooms": sums,
        **{f"part_{n}": [rooms[n]] if n < len(rooms) else [] for n in range(16)},
        "catalogue": catalogue_page(CATALOGUE),
        "lang": "en",
        "categories": {name: f"{name} things" for name in CATEGORIES},
        "actions": True,
        "alone": False,
        "notice": "",
        "exported": "",
        "selected": [],
    }


class ReviewPage:
    """The page over a kernel that is busy: it answers only what a test has it answer."""

    def __init__(self, static: StaticPage) -> None:
        self.static, self.page = static, static.page
        self.traits = state()
        self.page.route(ADDRESS, _answer)
        self.page.goto(ADDRESS)
        self.page.evaluate("() => localStorage.clear()")

    def show(self, *, heading: str = "maple-street", **traits: Any) -> None:
        self.traits |= traits
        self.static.show(ReviewView._esm, ReviewView._css, self.traits)
        self.page.evaluate(
            "() => { window.leaked = [];"
            " addEventListener('keydown', (event) => leaked.push(event.key)); }"
        )
        expect(self.page.get_by_role("heading", name=heading, exact=True)).to_be_visible()

    def reload(self) -> None:
        """Load the page anew, with a new kernel."""
        self.page.goto(ADDRESS)
        self.show()

    def press(self, *keys: str) -> None:
        """Press keys with the focus on the page."""
        if self.page.evaluate("() => document.activeElement === document.body"):
            self.page.locator("#widget").focus()
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def edits(self) -> list[dict[str, Any]]:
        """The edits sent since this was last asked for."""
        return [message for message in self.static.sent if message["kind"] == "edit"]

    def save(self, edit: dict[str, Any], number: int) -> None:
        """Answer that an edit is saved, with no state that has it yet."""
        self.static.tell({"kind": "saved", "ref": edit["ref"], "number": number, "words": ""})

    def refuse(self, edit: dict[str, Any], error: str, *, again: bool = False) -> None:
        self.static.tell({"kind": "refused", "ref": edit["ref"], "error": error, "again": again})

    def line(self, key: str) -> Locator:
        return self.page.locator(f"li[data-line='{key}']")

    @property
    def message(self) -> Locator:
        return self.page.locator(".pq-said [role='status']").first

    @property
    def unsaved(self) -> Locator:
        return self.page.locator(".pq-unsaved")


def _answer(route: Route) -> None:
    route.fulfill(content_type="text/html", body="<!doctype html><title>review</title>")
