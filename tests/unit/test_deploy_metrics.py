"""Alert rules and dashboard: valid, and about metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from photoqueue.client.metrics import Reading
from photoqueue.client.observe import Stats
from photoqueue.faces.http.metrics import installation_metrics, worker_metrics
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.tally import Total
from photoqueue.records.snapshots import QueueStats
from photoqueue.worker.health import QueuePulse
from tests.conftest import REPOSITORY

PROMETHEUS = REPOSITORY / "deploy" / "prometheus"
DASHBOARD = REPOSITORY / "deploy" / "grafana" / "photoqueue.json"


class Pulse:
    """A worker that works."""

    def problems(self) -> list[str]:
        return []

    def queues(self) -> list[QueuePulse]:
        return [QueuePulse(queue=PHOTO_ANALYZE, ready=1, busy=0, fetched_s=0.1)]


def exported() -> set[str]:
    sources = ("submitted", "failed", "retried", "ended", "wait", "run", "ai", "cost", "tokens_in")
    reading = Reading(
        totals=tuple(Total(name, "photo-analyze", "", "", "", 1.0, 1, 1.0) for name in sources),
        last_seen_s={"photo-analyze": 1.0},
        queues=Stats({PHOTO_ANALYZE: QueueStats(name="photo-analyze")}),
    )
    pulse: Any = Pulse()  # as much of it as is asked
    suffixes = {
        "counter": ["_total"],
        "histogram": ["_bucket", "_sum", "_count"],
        "info": ["_info"],
    }
    return {
        metric.name + suffix
        for metric in (*installation_metrics(reading), *worker_metrics(pulse))
        for suffix in suffixes.get(metric.type, [""])
    }


def used(text: str) -> set[str]:
    return set(re.findall(r"\bphotoqueue_\w+", text))


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


@pytest.mark.parametrize(
    "path",
    [PROMETHEUS / "rules.yml", PROMETHEUS / "rules_test.yml", DASHBOARD],
    ids=lambda p: p.name,
)
def test_metrics_that_are_asked_for_are_exported(path: Path) -> None:
    asked = used(path.read_text())
    assert asked
    assert asked <= exported()


def test_every_metric_has_a_place_on_the_dashboard() -> None:
    shown = used(DASHBOARD.read_text())
    apart = {"photoqueue_info", "photoqueue_queue_paused"}
    for metric in exported() - apart:
        family = re.sub(r"_(bucket|count|sum)$", "", metric)
        assert any(name.startswith(family) for name in shown), metric


def test_panels_have_a_title_and_targets_and_do_not_overlap() -> None:
    found = panels()
    assert len({panel["id"] for panel in found}) == len(found)
    for panel in found:
        assert panel["title"]
        assert all(target["expr"] for target in panel["targets"])
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    for one, other in combinations([panel["gridPos"] for panel in found], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above


def promtool(*arguments: str) -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed: the rules are not tried (it comes with Prometheus)")
    found = subprocess.run(
        [program, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, timeout=60
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_rules_fire_when_they_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", "rules_test.yml")


def test_rules_and_configuration_are_valid() -> None:
    promtool("check", "rules", "rules.yml")
    promtool("check", "config", "prometheus.yml")


def test_every_rule_is_tried() -> None:
    rules = set(re.findall(r"- alert: (\w+)", (PROMETHEUS / "rules.yml").read_text()))
    tried = set(re.findall(r"alertname: (\w+)", (PROMETHEUS / "rules_test.yml").read_text()))
    assert rules == tried
    assert len(rules) > 5
