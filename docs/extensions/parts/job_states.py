"""The picture of a job's states, drawn from ``models.TRANSITIONS``."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import Final

from photoqueue.words import TRANSITIONS, JobState

PICTURE: Final = Path(__file__).parents[2] / "images" / "job-states.svg"

_S = JobState
#: Centre of each state in the picture, in pixels.
_PLACES: Final = {
    _S.WAITING: (110, 170),
    _S.ACTIVE: (420, 170),
    _S.DELAYED: (420, 330),
    _S.COMPLETED: (800, 60),
    _S.FAILED: (800, 170),
    _S.CANCELLED: (800, 330),
}
#: What leads from one state to the next; a transition without a word ends the build.
_WORDS: Final = {
    (_S.WAITING, _S.ACTIVE): "claimed",
    (_S.WAITING, _S.CANCELLED): "cancelled by a person",
    (_S.ACTIVE, _S.COMPLETED): "result recorded",
    (_S.ACTIVE, _S.FAILED): "permanent, or no attempt left",
    (_S.ACTIVE, _S.DELAYED): "error, back-off",
    (_S.ACTIVE, _S.WAITING): "handed back, or worker lost",
    (_S.ACTIVE, _S.CANCELLED): "cancelled by a person",
    (_S.DELAYED, _S.ACTIVE): "claimed again",
    (_S.DELAYED, _S.CANCELLED): "cancelled",
}
#: How far an arrow bends, in pixels, so that two between the same states lie apart.
_BENDS: Final = {
    (_S.WAITING, _S.ACTIVE): -34.0,
    (_S.ACTIVE, _S.WAITING): -34.0,
    (_S.ACTIVE, _S.DELAYED): -60.0,
    (_S.DELAYED, _S.ACTIVE): -60.0,
    (_S.WAITING, _S.CANCELLED): 150.0,
}
_HALF: Final = (62.0, 21.0)


def markdown() -> str:
    """Refer to the picture, with its content in words."""
    lines = [
        f"* `{state}` → "
        + ", ".join(f"`{after}`" for after in JobState if after in TRANSITIONS[state])
        for state in JobState
        if TRANSITIONS[state]
    ]
    return "![The states of a job; listed below](../images/job-states.svg)\n\n" + "\n".join(lines)


def draw() -> str:
    """Draw the picture as SVG.

    Raises
    ------
    KeyError
        A state or a transition has no place or no word here.
    """
    body = [
        _arrow(before, after)
        for before in JobState
        for after in JobState
        if after in TRANSITIONS[before]
    ]
    body += [_state(state) for state in JobState]
    return _FRAME.replace("BODY", "\n".join(body))


def _state(state: JobState) -> str:
    x, y = _PLACES[state]
    width, height = _HALF
    kind = "end" if state.finished else "on"
    return (
        f'<rect class="{kind}" x="{x - width:g}" y="{y - height:g}" width="{2 * width:g}" '
        f'height="{2 * height:g}" rx="8"/>'
        f'<text class="state" x="{x}" y="{y + 5}">{state}</text>'
    )


def _arrow(before: JobState, after: JobState) -> str:
    (x0, y0), (x1, y1) = _PLACES[before], _PLACES[after]
    length = math.hypot(x1 - x0, y1 - y0)
    bend = _BENDS.get((before, after), 0.0)
    # The middle, moved to the left of the way by the bend.
    middle = (
        (x0 + x1) / 2 - (y0 - y1) / length * -bend,
        (y0 + y1) / 2 - (x1 - x0) / length * -bend,
    )
    control = (2 * middle[0] - (x0 + x1) / 2, 2 * middle[1] - (y0 + y1) / 2)
    start, end = _edge((x0, y0), control), _edge((x1, y1), control)
    words = escape(_WORDS[before, after])
    x = 0.25 * start[0] + 0.5 * control[0] + 0.25 * end[0]
    y = 0.25 * start[1] + 0.5 * control[1] + 0.25 * end[1]
    return (
        f'<path d="M{start[0]:.1f} {start[1]:.1f} Q{control[0]:.1f} {control[1]:.1f} '
        f'{end[0]:.1f} {end[1]:.1f}"/><text class="word" x="{x:.1f}" y="{y + 4:.1f}">{words}</text>'
    )


def _edge(centre: tuple[float, float], towards: tuple[float, float]) -> tuple[float, float]:
    """Return where a line from a state's centre leaves its box."""
    dx, dy = towards[0] - centre[0], towards[1] - centre[1]
    share = min(
        _HALF[0] / abs(dx) if dx else math.inf, (_HALF[1] + 2) / abs(dy) if dy else math.inf
    )
    return centre[0] + dx * share, centre[1] + dy * share


_FRAME: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 440" role="img" aria-labelledby="title">
<title id="title">The states of a job</title>
<style>
svg { background: #fff; font-family: sans-serif; }
rect { stroke: #345; stroke-width: 1.5; }
.on { fill: #dbeafe; }
.end { fill: #e7e5e4; stroke-width: 3; }
.state { font-size: 16px; text-anchor: middle; fill: #111; }
.word { font-size: 12px; text-anchor: middle; fill: #111; stroke: #fff; stroke-width: 4px;
  paint-order: stroke; }
path { fill: none; stroke: #345; stroke-width: 1.5; marker-end: url(#head); }
</style>
<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"
  orient="auto-start-reverse"><polygon points="0,0 10,5 0,10" fill="#345"/></marker></defs>
BODY
</svg>
"""


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
