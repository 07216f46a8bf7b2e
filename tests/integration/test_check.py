"""``photoqueue check`` and the webhook: one line, an exit code, each incident told once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from uuid import UUID

import pytest
from pydantic import SecretStr

from photoqueue.client.alerts import AlertUrlError, check, tell
from photoqueue.client.system import Survey
from photoqueue.faces.cli.doctor import examine
from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.posting import Receiver
from photoqueue.queue.database import Database
from photoqueue.queue.incidents import Alert, Severity
from photoqueue.queue.ledger import Failure, Ledger
from photoqueue.queue.webhooks import announce, send_due
from photoqueue.words import WebhookEvent
from tests import warm
from tests.conftest import submit
from tests.integration.conftest import Outcome, Run
from tests.receivers import SECRET, HttpReceiver, running

STUCK = Alert(
    name="no-worker", queue="photo-analyze", severity=Severity.CRITICAL, message="nobody works"
)


def told(receiver: HttpReceiver) -> list[tuple[str, str]]:
    return [(news["status"], news["alert"]) for news in receiver.messages]


@pytest.fixture
def http() -> Iterator[HttpReceiver]:
    with running() as receiver:
        yield receiver


@pytest.fixture
def receiver(http: HttpReceiver) -> Receiver:
    return http.receiver()


def run_alone(
    installation: Installation, *arguments: str, **environment: str
) -> tuple[int, str, str]:
    """Run the command in a process with an environment of its own."""
    own = {**os.environ, **installation.settings.to_environment(), **environment}
    found = warm.interpreter().run("check", *arguments, environment=own)
    return found.returncode, found.stdout, found.stderr


def fail_jobs(database: Database, number: int) -> None:
    with closing(Ledger(database)) as ledger:
        for index in range(number):
            job = UUID(submit(f"p{index}").id)
            claim = ledger.claim(job, PHOTO_ANALYZE, worker_id=UUID(int=7), slot=1)
            assert claim is not None
            ledger.fail(claim, Failure("ValueError", "no", "", permanent=True), delay_ms=0)


def test_exit_codes_and_one_line(installation: Installation, database: Database, run: Run) -> None:
    assert run("check") == Outcome(0, "OK: no problems\n", "")
    fail_jobs(database, 5)
    told = run("check")
    assert told.code == 1
    assert told.out.startswith("WARNING: photo-analyze: 5 of 5 jobs failed in the last 10 min")
    assert told.out.count("\n") == 1
    assert run("check", "--failure-rate", "1").code == 0
    assert run_alone(installation, PHOTOQUEUE_ALERT_FAILURE_RATE="1")[0] == 0
    submit("waits")
    told = run("check", "--json")
    assert told.code == 2
    found = told.json
    assert found["status"] == "critical"
    assert [alert["name"] for alert in found["alerts"]] == ["no-worker", "failure-rate"]


def test_server_that_is_away_is_critical_and_hides_the_password(
    installation: Installation,
) -> None:
    status, line, _ = run_alone(installation, DATABASE_URL="postgresql://ana:hunter2@127.0.0.1:1/x")
    assert status == 2
    assert line.startswith("CRITICAL: ")
    assert "hunter2" not in line


def test_incident_is_told_when_it_begins_and_when_it_ends(
    installation: Installation, http: HttpReceiver, receiver: Receiver
) -> None:
    assert tell([], receiver) == 0
    assert tell([STUCK], receiver) == 1
    assert tell([STUCK], receiver) == 0
    assert tell([], receiver) == 1
    assert tell([], receiver) == 0
    tell([STUCK], receiver)
    assert told(http) == [
        ("firing", "no-worker"),
        ("resolved", "no-worker"),
        ("firing", "no-worker"),
    ]
    first, ended, second = http.messages
    assert first["id"] == ended["id"] != second["id"]
    assert first["endedAt"] is None
    assert ended["endedAt"] > ended["beganAt"]


def test_several_that_check_at_once_tell_once(
    installation: Installation, http: HttpReceiver, receiver: Receiver
) -> None:
    for alerts in ([STUCK], []):
        threads = [threading.Thread(target=tell, args=(alerts, receiver)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tell(alerts, receiver)
    assert told(http) == [("firing", "no-worker"), ("resolved", "no-worker")]


def test_address_that_fails_is_told_next_time(
    installation: Installation, http: HttpReceiver, receiver: Receiver
) -> None:
    http.status = 500
    with pytest.raises(AlertUrlError, match="it answered 500") as error:
        tell([STUCK], receiver)
    assert "hunter2" not in str(error.value)
    http.status = 204
    tell([], receiver)
    assert told(http) == [("firing", "no-worker"), ("resolved", "no-worker")]


def test_check_tells_the_address(installation: Installation, http: HttpReceiver) -> None:
    submit("waits")
    environment = {
        "PHOTOQUEUE_ALERT_URL": http.url,
        "PHOTOQUEUE_WEBHOOK_NETWORKS": "127.0.0.0/8",
        "PHOTOQUEUE_WEBHOOK_SECRET": SECRET,
    }
    assert run_alone(installation, **environment)[0] == 2
    assert told(http) == [("firing", "no-worker")]
    http.status = 500
    with closing(Ledger(installation.database)) as ledger:
        ledger.run("UPDATE jobs SET state = 'cancelled'")
    status, line, warning = run_alone(installation, **environment)
    assert (status, line) == (0, "OK: no problems\n")
    assert "answered 500" in warning
    assert check() == []


def test_check_and_doctor_say_that_nobody_has_led_recovery(installation: Installation) -> None:
    worker = "INSERT INTO workers (worker_id, host, host_key, pid, process_started, queues,"
    worker += " concurrency, engine, state, started_at) VALUES (gen_random_uuid(), 'h', 'h/1', 1,"
    worker += " 1, ARRAY['photo-analyze'], 1, 'e', 'running', now() - interval '5 minutes')"
    with closing(Ledger(installation.database)) as ledger:
        ledger.run(worker)
        ledger.run("UPDATE installation SET led_at = now() - interval '10 minutes'")
        assert check() == []  # workers of the version before name no leader
        ledger.run("UPDATE installation SET leader = gen_random_uuid()")
        (alert,) = check()
        assert (alert.name, alert.severity) == ("recovery", Severity.CRITICAL)
        assert "No worker has led recovery for 10 min" in alert.message
        with Survey(installation.settings, opened=installation) as survey:
            found = {one.check: one.verdict for one in examine(survey)}
        assert found["Recovery"] == "warning"
        ledger.run("UPDATE installation SET led_at = now()")
    assert check() == []


def test_check_and_doctor_say_that_webhooks_are_not_accepted(
    installation: Installation, database: Database, http: HttpReceiver, run: Run
) -> None:
    def findings() -> dict[str, str]:
        with Survey(installation.settings, opened=installation) as survey:
            return {one.check: one.verdict for one in examine(survey)}

    # What nobody is to be told of is no problem
    announce(database, WebhookEvent.REPORT_WRITTEN, subject="m0", project_id="m0")
    send_due(database, None)
    assert check() == []
    # One that was refused a few times is not either
    http.status = 500
    announce(database, WebhookEvent.REPORT_WRITTEN, subject="m1", project_id="m1")
    with closing(Ledger(database)) as ledger:
        send_due(database, http.receiver())
        assert check() == []
        for attempts in (5, 18):
            tried = f"UPDATE webhooks SET attempts = {attempts}, due_at = now()"
            ledger.run(f"{tried} WHERE subject = 'm1'")
            send_due(database, http.receiver())
            (alert,) = check()
            assert (alert.name, alert.severity) == ("webhooks", Severity.WARNING)
            assert "the newest because it answered 500." in alert.message
            assert findings()["Webhooks"] == "warning"
        assert "1 webhook given up" in alert.message
        assert "photoqueue webhooks resend --given-up" in alert.message
        assert run("check").out.startswith("WARNING: 1 webhook given up, ")
        http.status = 200
        ledger.run(
            "UPDATE webhooks SET happened_at = now() - interval '11 days' WHERE subject = 'm0'"
        )
        again = run("webhooks", "resend", "--given-up", "--days", "10")
        assert again.out == "1 webhook to be sent again.\n"  # without what was before the address
        send_due(database, http.receiver())
        send_due(database, http.receiver())
    assert check() == []
    assert "Webhooks" not in findings()


def test_address_without_a_secret_is_told(installation: Installation) -> None:
    url = SecretStr("http://127.0.0.1:1/hook?key=hunter2")
    installation.settings = installation.settings.model_copy(update={"webhook_url": url})
    (alert,) = check()
    assert "without PHOTOQUEUE_WEBHOOK_SECRET, so no webhook is sent" in alert.message
    assert "hunter2" not in alert.message
