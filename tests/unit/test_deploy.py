"""The files of ``deploy/``: well formed, and of the same names, pins and limits as the code."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer.main
import yaml

from photoqueue.engines.model_registry import published_models
from photoqueue.faces.cli.app import app
from photoqueue.jobs import PHOTO_ANALYZE, job_types
from photoqueue.settings import Settings, variable_of
from tests.conftest import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = DEPLOY / "compose.yaml"
#: API groups of Kubernetes itself.
BUILT_IN = {"v1", "apps", "batch", "policy"}
VARIABLES = {variable_of(name) for name in Settings.model_fields}


def manifests() -> list[dict[str, Any]]:
    return [one for path in KUBERNETES for one in yaml.safe_load_all(path.read_text()) if one]


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each pod with its container."""
    for one in manifests():
        pod = one.get("spec", {}).get("template", {}).get("spec")
        if pod:
            all_of = (*pod.get("initContainers", ()), *pod["containers"])
            yield from ((pod, container) for container in all_of)


def services() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text())["services"])


def command_lines() -> Iterator[list[str]]:
    """Yield what each file gives to ``photoqueue``."""
    yield from (container["args"] for _, container in containers())
    for name, service in services().items():
        if service.get("image") == "photoqueue:0.1.0" and name != "api":
            yield service["command"]
    for unit in UNITS:
        (line,) = re.findall(r"^ExecStart=\S+/photoqueue (.*)$", unit.read_text(), re.MULTILINE)
        yield line.replace("%i", PHOTO_ANALYZE).split()


def test_files_name_only_variables_that_the_settings_have() -> None:
    named = {
        (path.name, word)
        for path in DEPLOY.rglob("*")
        if path.is_file() and not path.name.startswith("requirements")
        for word in re.findall(r"\b(?:PHOTOQUEUE|QUEUE)_[A-Z_]+[A-Z]\b", path.read_text())
    }
    assert {(name, word) for name, word in named if word not in VARIABLES} == set()
    assert {word for _, word in named} >= {"PHOTOQUEUE_API_TOKEN", "PHOTOQUEUE_PHOTO_STORE"}


def test_files_start_commands_with_options_that_exist() -> None:
    commands = getattr(typer.main.get_command(app), "commands")  # noqa: B009  # untyped
    lines = list(command_lines())
    assert len(lines) >= 8
    for name, *arguments in lines:
        options = {option for one in commands[name].params for option in one.opts}
        assert {word for word in arguments if word.startswith("--")} <= options, (name, arguments)
        queues = [value for option, value in itertools.pairwise(arguments) if option == "--queue"]
        assert set(queues) <= set(job_types())


def test_workers_have_longer_to_stop_than_their_jobs_have_to_finish() -> None:
    grace = Settings().grace_seconds
    pods = [pod for pod, container in containers() if container["args"][0] == "worker"]
    assert len(pods) == len(job_types())
    assert all(pod["terminationGracePeriodSeconds"] > grace for pod in pods)
    workers = [one for name, one in services().items() if name.endswith("-worker")]
    assert len(workers) == len(job_types())
    assert all(float(one["stop_grace_period"].removesuffix("s")) > grace for one in workers)
    unit = (DEPLOY / "systemd" / "photoqueue-worker@.service").read_text()
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert float(seconds) > grace
    assert "KillMode=mixed" in unit
    assert "RestartPreventExitStatus=78" in unit


def test_nothing_runs_as_root_or_holds_a_secret() -> None:
    for pod, container in containers():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert re.search(r"^USER 10001", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    text = "\n".join(path.read_text() for path in (COMPOSE, *KUBERNETES, *UNITS))
    logins = re.findall(r"://[^/\s:]*:([^@\s]+)@", text)
    assert logins
    assert all(login == "CHANGE-ME" or login.startswith("${") for login in logins)


def test_model_is_there_and_checked_before_a_worker_of_photos_starts() -> None:
    pull = ["models", "pull"]
    pods = [
        pod
        for pod, container in containers()
        if container["args"][1:3] == ["--queue", "photo-analyze"]
    ]
    assert [[one["args"] for one in pod["initContainers"]] for pod in pods] == [[pull]]
    (pod,) = pods
    (before,), (worker,) = pod["initContainers"], pod["containers"]
    assert before["volumeMounts"] == worker["volumeMounts"]
    assert before["envFrom"] == worker["envFrom"]
    assert services()["model"]["command"] == pull
    needed = services()["photo-worker"]["depends_on"]["model"]
    assert needed == {"condition": "service_completed_successfully"}
    assert services()["model"]["volumes"] == services()["photo-worker"]["volumes"]
    # Both name one that has a digest.
    (config,) = [one["data"] for one in manifests() if one["kind"] == "ConfigMap"]
    example = dict(
        re.findall(r"^(\w+)=(.*)$", (DEPLOY / "environment.example").read_text(), re.MULTILINE)
    )
    for named in (config["PHOTOQUEUE_MODEL"], example["PHOTOQUEUE_MODEL"]):
        (entry,) = [one for one in published_models(Path("/")) if one.name == named]
        assert entry.sha256
        assert entry.addresses


def test_manifests_belong_together() -> None:
    kinds = [one["kind"] for one in manifests()]
    assert kinds.count("Deployment") == 3
    assert kinds.count("PodDisruptionBudget") == 3
    assert all("namespace" not in one.get("metadata", {}) for one in manifests())
    deployments = {
        one["metadata"]["name"]: one for one in manifests() if one["kind"] == "Deployment"
    }
    for one in deployments.values():
        labels = one["spec"]["template"]["metadata"]["labels"]
        assert one["spec"]["selector"]["matchLabels"].items() <= labels.items()
    scaled = [one for one in manifests() if one["kind"] == "ScaledObject"]
    assert {one["spec"]["scaleTargetRef"]["name"] for one in scaled} == {
        f"photoqueue-{queue}" for queue in job_types()
    }
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    assert all((DEPLOY / "kubernetes" / name).exists() for name in listed["resources"])


def test_kedas_queries_count_the_jobs_that_are_to_be_done(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO jobs (job_id, job_key, queue_name, state, payload, user_id, max_attempts,"
            " budget, ready_at) SELECT gen_random_uuid(), n::text, 'photo-analyze', state, '{}',"
            " 'u1', 4, 4, ready FROM (VALUES (1, 'waiting', now()), (2, 'active', now()),"
            " (3, 'delayed', now() + interval '1 hour'), (4, 'completed', now()),"
            " (5, 'waiting', NULL)) AS job (n, state, ready)"
        )
        counted = {}
        for one in manifests():
            if one["kind"] == "ScaledObject":
                (trigger,) = one["spec"]["triggers"]
                row = connection.execute(trigger["metadata"]["query"]).fetchone()
                counted[one["metadata"]["name"]] = row and row[0]
    assert counted == {"photoqueue-photo-analyze": 2, "photoqueue-inventory-sync": 0}


def pins(path: Path) -> dict[str, frozenset[str]]:
    """Return package==version → its hashes."""
    found: dict[str, frozenset[str]] = {}
    for block in re.split(r"^(?=[a-z0-9])", path.read_text(), flags=re.MULTILINE):
        match = re.match(r"([a-z0-9._-]+)(?:\[[^]]*\])?(==[^ ;\\\n]+)", block)
        if match:
            found[match[1] + match[2]] = frozenset(re.findall(r"sha256:([0-9a-f]{64})", block))
    return found


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-lab.txt", "requirements-build.txt"]
)
def test_image_installs_what_is_pinned(name: str) -> None:
    pinned, wanted = pins(REPOSITORY / "constraints.txt"), pins(DEPLOY / name)
    assert wanted
    wrong = [one for one, hashes in wanted.items() if not hashes or hashes != pinned.get(one)]
    assert wrong == []
    assert "://" not in (DEPLOY / name).read_text()


def test_manifests_are_as_kubernetes_describes_them() -> None:
    library = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not here")
    ours = [one for one in manifests() if one["apiVersion"].partition("/")[0] in BUILT_IN]
    assert len(ours) == 10
    for one in ours:
        library.validate(one, library.latest_version(), strict=True)


def test_compose_file_is_as_its_specification_describes_it() -> None:
    library = pytest.importorskip("check_jsonschema", reason="check-jsonschema is not here")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            library.__name__,
            "--builtin-schema",
            "vendor.compose-spec",
            COMPOSE,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_units_give_up_the_same_rights() -> None:
    limits = [
        re.search(r"^StateDirectory=.*?(?=\n\n|\Z)", unit.read_text().rstrip(), re.M | re.S)
        for unit in UNITS
    ]
    assert len(limits) == 4
    assert len({found and found[0] for found in limits}) == 1


def test_units_are_well_formed() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not here")
    done = subprocess.run(
        [program, "verify", *map(str, UNITS)], capture_output=True, text=True, check=False
    )
    # Where photoqueue is not installed in /opt, that is all there is to say.
    said = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert said == []
