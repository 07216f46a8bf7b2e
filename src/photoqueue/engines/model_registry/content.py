"""Whether a model file is the one that was published.

The digest is computed each time a worker process starts: 79 MB take 0.06 to 0.11 s, a small
part of what loading the model takes, so nothing is kept that could go stale.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from photoqueue.engines.model_registry.entry import ModelEntry
from photoqueue.errors import ModelError


def digest_of(file: Path) -> str:
    """Return the sha256 of a file in hexadecimal.

    Raises
    ------
    ModelError
        The file cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as exc:
        raise ModelError(
            f"The model file {file} cannot be read ({exc.strerror or exc}). "
            "Make it readable for this user, or fetch it again."
        ) from exc


def difference(entry: ModelEntry, file: Path) -> str | None:
    """Say in what way a file is not the model's, or return ``None`` when it is.

    A model without a digest is compared by its size; one without either is taken as it is.
    """
    if entry.sha256:
        digest = digest_of(file)
        if digest not in entry.sha256:
            return f"sha256 {digest} instead of {' or '.join(entry.sha256)}"
    elif entry.size is not None and (size := file.stat().st_size) != entry.size:
        return f"{size:,} bytes instead of {entry.size:,}"
    return None


def checked(entry: ModelEntry, file: Path) -> Path:
    """Return the file once its content is that of the model.

    Raises
    ------
    ModelError
        It is another file, or cannot be read.
    """
    problem = difference(entry, file)
    if problem is None:
        return file
    which = "registered" if entry.own else "published"
    again = "; take it away and run `photoqueue models pull " + entry.name + "`"
    raise ModelError(
        f"The file {file} is not the {which} model {entry.name!r} ({problem}). "
        f"Put the {which} file there{again if entry.addresses else ''}, or keep yours under "
        "another name and set PHOTOQUEUE_MODEL to its path."
    )
