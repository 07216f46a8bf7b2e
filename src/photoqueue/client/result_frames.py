"""Results as DataFrames: one row per photo, or one row per item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

    from photoqueue.inventory.wording import Wording

#: Columns of a collected batch, in their order.
RESULT_COLUMNS: Final = (
    "photo_id",
    "file_name",
    "room",
    "state",
    "room_type",
    "confidence",
    "item_count",
    "items",
    "volume",
    "warnings",
    "attempts",
    "wait_ms",
    "job_duration_ms",
    "error_type",
    "error_message",
    "job_id",
)
ITEM_COLUMNS: Final = (
    "photo_id",
    "file_name",
    "room",
    "room_type",
    "name",
    "category",
    "dismountable",
    "score",
    "volume",
    "x0",
    "y0",
    "x1",
    "y1",
    "label",
    "key",
    "alternatives",
)


def result_rows(frame: pd.DataFrame, wording: Wording) -> pd.DataFrame:
    """Turn jobs with their results into one row per photo; failed jobs are rows, too.

    ``volume`` is the usual moving volume of the items in m³; ``items`` their names and counts,
    such as ``2 × chair, three-seat sofa``; ``warnings`` is why items may have been missed, such
    as ``too dark``, and empty for a good photo.
    """
    import pandas as pd

    rows = []
    for job in frame.to_dict("records"):
        result = _result(job)
        items = result.get("items", [])
        rows.append(
            {
                **job,
                "room_type": _room_type(result, wording),
                "confidence": result.get("confidence"),
                "item_count": len(items) if result else None,
                "items": _listed(items, wording) if result else None,
                "volume": round(sum(item.get("volume") or 0 for item in items), 3)
                if result
                else None,
                "warnings": "; ".join(result.get("warnings", ())) if result else None,
            }
        )
    found = pd.DataFrame(rows, columns=list(RESULT_COLUMNS)).astype({"item_count": "Int64"})
    return _typed_as(frame, found)


def item_rows(frame: pd.DataFrame, wording: Wording) -> pd.DataFrame:
    """Turn jobs with their results into one row per item, with its box in 0…1.

    ``alternatives`` names what else it may be, with probabilities.
    """
    import pandas as pd

    rows = []
    for job in frame.to_dict("records"):
        result = _result(job)
        for item in result.get("items", []):
            x0, y0, x1, y1 = item.get("box") or (None,) * 4
            rows.append(
                {
                    "photo_id": job["photo_id"],
                    "file_name": job["file_name"],
                    "room": job["room"],
                    "room_type": _room_type(result, wording),
                    **item,
                    "name": wording.item(item.get("key"), item["name"]),
                    "alternatives": wording.alternatives(item.get("alternatives")),
                    "x0": x0,
                    "y0": y0,
                    "x1": x1,
                    "y1": y1,
                }
            )
    return _typed_as(frame, pd.DataFrame(rows, columns=list(ITEM_COLUMNS)))


def _typed_as(frame: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Give columns the types that they have in another frame, also where all is missing."""
    return found.astype({name: frame[name].dtype for name in found.columns if name in frame})


def _result(job: dict[Any, Any]) -> dict[str, Any]:
    """Return the result of a job; empty if there is none, which pandas may write as NaN."""
    return job["result"] if isinstance(job["result"], dict) else {}


def _room_type(result: dict[str, Any], wording: Wording) -> str | None:
    kind = result.get("roomType")
    return None if kind is None else wording.room_type(kind)


def _listed(items: list[dict[str, Any]], wording: Wording) -> str:
    """Write ``2 × chair, three-seat sofa``, most frequent first."""
    counts: dict[str, int] = {}
    for item in items:
        name = wording.item(item.get("key"), item["name"])
        counts[name] = counts.get(name, 0) + 1
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return ", ".join(name if count == 1 else f"{count} × {name}" for name, count in ordered)
