"""``/``: the board, one page with its script and its style; no address but this server's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from photoqueue.faces.http.access import OPEN_FOLDER
from photoqueue.faces.javascript import shared_script

router = APIRouter(include_in_schema=False)

_STATIC: Final = Path(__file__).parents[1] / "static"
#: The files there are: names of others are never looked for.
_TYPES: Final = {"board.css": "text/css", "board.js": "text/javascript"}
#: Only this server's own files, nothing inline: a name that is HTML could not run either.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@router.get("/")
async def board() -> Response:
    """Return the page."""
    return _answer(_read("board.html"), "text/html")


@router.get(f"{OPEN_FOLDER}{{name}}")
async def part(name: str) -> Response:
    """Return the script or the style."""
    if name not in _TYPES:
        raise HTTPException(404)
    text = _read(name)
    return _answer(shared_script() + text if name.endswith(".js") else text, _TYPES[name])


def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


def _answer(text: str, kind: str) -> Response:
    return Response(
        text,
        media_type=kind,
        # Asked for anew each time: a page of the last version must not meet the API of this one.
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"},
    )
