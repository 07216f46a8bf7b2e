"""Telling an address of incidents: once when one begins, once when it ends."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, Final

from pydantic import SecretStr

from photoqueue.client.alerts import Alert
from photoqueue.errors import ConfigurationError, ServiceError
from photoqueue.installation import current
from photoqueue.tracking.incidents import Firing, Incident, tell_incidents, update_incidents

#: Seconds within which the address must have answered.
_TIMEOUT: Final = 10.0


class AlertUrlError(ServiceError):
    """The address that is told of incidents did not take the news."""


def tell(alerts: Sequence[Alert], url: SecretStr) -> int:
    """Tell an address what began and what ended since it was last told.

    However many processes check, it is told once: an incident is a row in PostgreSQL.

    Returns
    -------
    int
        How many pieces of news it took.

    Raises
    ------
    ConfigurationError
        The address is none of HTTP.
    AlertUrlError
        It did not take the news; it is told next time.
    """
    if not url.get_secret_value().startswith(("http://", "https://")):
        raise ConfigurationError(
            "PHOTOQUEUE_ALERT_URL is no HTTP address. It looks like https://host/path."
        )
    database = current().database
    firing = [
        Firing(
            name=alert.name,
            queue_name=alert.queue,
            severity=str(alert.severity),
            message=alert.message,
        )
        for alert in alerts
    ]
    update_incidents(database, firing)
    return tell_incidents(database, lambda incident: _post(url, _news(incident)))


def _news(incident: Incident) -> dict[str, Any]:
    ended = incident.ended_at
    return {
        # Told twice only where a process died at the wrong moment, and then under one id.
        "id": str(incident.incident_id),
        "status": "firing" if ended is None else "resolved",
        "alert": incident.name,
        "queue": incident.queue_name,
        "severity": incident.severity,
        "message": incident.message,
        "beganAt": incident.began_at.isoformat(),
        "endedAt": ended and ended.isoformat(),
    }


def _post(url: SecretStr, news: dict[str, Any]) -> None:
    request = urllib.request.Request(
        url.get_secret_value(),
        data=json.dumps(news).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "photoqueue"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT):
            return
    except urllib.error.HTTPError as exc:
        reason = f"it answered {exc.code}"
        exc.close()
    except (OSError, ValueError) as exc:
        # Not the text of a ValueError, which may quote the address and the secret in it.
        reason = str(getattr(exc, "reason", "")) or type(exc).__name__
    raise AlertUrlError(
        f"The address of PHOTOQUEUE_ALERT_URL did not take the news: {reason}. It is told again "
        "at the next check."
    )
