"""Files of reports from a process of their own, for servers.

A company's template may run for ever or take all memory, and a long PDF takes half a minute of
processor time: neither holds up what else the server does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import Final

from photoqueue import errors
from photoqueue.errors import ConfigurationError, PhotoqueueError
from photoqueue.installation import settings_in_use
from photoqueue.records.estimates import Estimate

#: Seconds after which it is ended; a PDF of 2,000 lines takes about 25.
SECONDS: Final = 120
#: Bytes of address space that it may have; a PDF of 2,000 lines takes 0.3 GiB of memory.
_MEMORY: Final = 4 * 1024**3


def report_file(
    project_id: str, kind: str, estimate: Estimate, *, seconds: float = SECONDS
) -> tuple[str, bytes]:
    """Make a report and return the name and the bytes of its file.

    Parameters
    ----------
    project_id
        The project.
    kind
        ``html``, ``pdf`` or ``xlsx``.
    estimate
        Of the project; the report is in its language.
    seconds
        On the clock, after which the process is ended.

    Raises
    ------
    PhotoqueueError
        As of :func:`photoqueue.report` and :meth:`Report.file`.
    ConfigurationError
        It took too long, or too much memory.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=json.dumps([project_id, kind, estimate.to_json()]).encode(),
            env=os.environ | settings_in_use().to_environment(),
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        why = f"took more than {seconds:g} s"
    else:
        if not done.returncode:
            name, _, content = done.stdout.partition(b"\n")
            return name.decode(), content
        with suppress(ValueError):
            kind_of_error, message = json.loads(done.stderr.rpartition(b"\n")[2])
            raise getattr(errors, kind_of_error)(message)
        why = "took too much memory, or its process was ended"
    raise ConfigurationError(
        f"The report of {project_id!r:.60} {why}. Correct the template that "
        "PHOTOQUEUE_REPORT_TEMPLATE names, choose html or xlsx, or make it with: photoqueue report."
    )


def _main() -> None:
    from photoqueue.faces.report.document import report

    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    project_id, kind, estimate = json.loads(sys.stdin.buffer.read())
    try:
        made = report(project_id, estimate=Estimate.model_validate_json(estimate))
        name, content = made.file(kind)
    except PhotoqueueError as exc:
        sys.stderr.write("\n" + json.dumps([type(exc).__name__, str(exc)]))
        sys.exit(1)
    sys.stdout.buffer.write(name.encode() + b"\n" + content)


if __name__ == "__main__":
    _main()
