"""Settings: the contract's names and defaults, errors that name the variable, no secrets shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from photoqueue.errors import ConfigurationError
from photoqueue.settings import Concurrency, Settings, load_settings

SECRETS = {
    "DATABASE_URL": "postgresql://worker:hunter2@db/photos",
    "REDIS_URL": "rediss://:swordfish@cache:6379/0",
}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PHOTOQUEUE_", "QUEUE_")) or name in SECRETS:
            monkeypatch.delenv(name)


def test_defaults_are_those_of_the_contract() -> None:
    settings = load_settings()
    assert settings.concurrency == Concurrency(2, 2)
    assert settings.max_retries == 3
    assert settings.backoff_delay == 5000
    assert settings.database_url is None
    assert settings.redis_url is None
    assert settings.max_attempts == 4
    assert settings.engine == "auto"


def test_back_off_is_5_20_and_80_seconds() -> None:
    assert [load_settings().retry_delay_ms(retry) for retry in (1, 2, 3)] == [5000, 20000, 80000]


@pytest.mark.parametrize(
    ("variable", "field", "value"),
    [
        ("QUEUE_CONCURRENCY", "concurrency", Concurrency(7, 7)),
        ("QUEUE_CONCURRENCY", "concurrency", Concurrency(2, 8)),
        ("QUEUE_MAX_RETRIES", "max_retries", 0),
        ("QUEUE_BACKOFF_DELAY", "backoff_delay", 100),
        ("PHOTOQUEUE_LEASE_SECONDS", "lease_seconds", 2.5),
        ("PHOTOQUEUE_ENGINE", "engine", "builtin"),
        ("PHOTOQUEUE_LANGUAGE", "language", "fr"),
        ("PHOTOQUEUE_MAX_PHOTO_MB", "max_photo_mb", 5.0),
        ("PHOTOQUEUE_LLM_BASE_URL", "llm_base_url", "http://localhost:11434/v1"),
        ("PHOTOQUEUE_LLM_REQUESTS_PER_MINUTE", "llm_requests_per_minute", 30.0),
        ("PHOTOQUEUE_LLM_TIMEOUT_SECONDS", "llm_timeout_seconds", 60.0),
        ("PHOTOQUEUE_LLM_PRICE_IN", "llm_price_in", 0.0),
        ("PHOTOQUEUE_LLM_PICTURE_SIDE", "llm_picture_side", 1024),
    ],
)
def test_variable_sets_its_field(
    monkeypatch: pytest.MonkeyPatch, variable: str, field: str, value: object
) -> None:
    monkeypatch.setenv(variable, str(value))
    found = getattr(load_settings(), field)
    assert (found.get_secret_value() if isinstance(found, SecretStr) else found) == value


@pytest.mark.parametrize("variable", ["CONCURRENCY", "MAX_RETRIES", "BACKOFF_DELAY"])
def test_variable_of_another_program_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "17")
    assert load_settings() == Settings()
    assert 17 not in load_settings().model_dump().values()


def test_server_addresses_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == SECRETS["DATABASE_URL"]
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == SECRETS["REDIS_URL"]


def test_argument_wins_over_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_CONCURRENCY", "7")
    assert load_settings(concurrency=3).concurrency == Concurrency(3, 3)


@pytest.mark.parametrize(
    "variable",
    ["QUEUE_CONCURRENCY", "QUEUE_MAX_RETRIES", "DATABASE_URL", "PHOTOQUEUE_HOME", "REDIS_URL"],
)
def test_empty_variable_is_as_unset(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "")
    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("QUEUE_CONCURRENCY", "two"),
        ("QUEUE_CONCURRENCY", "0"),
        ("QUEUE_CONCURRENCY", "2.5"),
        ("QUEUE_CONCURRENCY", "0-8"),
        ("QUEUE_CONCURRENCY", "8-2"),
        ("QUEUE_MAX_RETRIES", "-1"),
        ("QUEUE_MAX_RETRIES", "1000"),
        ("QUEUE_BACKOFF_DELAY", "5 s"),
        ("PHOTOQUEUE_LEASE_SECONDS", "0"),
        ("PHOTOQUEUE_GRACE_SECONDS", "soon"),
        ("PHOTOQUEUE_LANGUAGE", "de"),
        ("PHOTOQUEUE_SCORE_THRESHOLD", "1.5"),
        ("PHOTOQUEUE_MAX_PHOTO_MB", "-3"),
        ("PHOTOQUEUE_LLM_REQUESTS_PER_MINUTE", "0"),
        ("PHOTOQUEUE_LLM_PRICE_OUT", "-1"),
        ("PHOTOQUEUE_LLM_PICTURE_SIDE", "10"),
        ("PHOTOQUEUE_LLM_DETAIL", "sharp"),
        ("PHOTOQUEUE_LLM_RESPONSE_FORMAT", "xml"),
    ],
)
def test_malformed_value_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=f"{variable}: .* Correct the environment"):
        load_settings()


def test_all_malformed_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_CONCURRENCY", "two")
    monkeypatch.setenv("QUEUE_MAX_RETRIES", "few")
    with pytest.raises(ConfigurationError, match=r"QUEUE_CONCURRENCY.*QUEUE_MAX_RETRIES"):
        load_settings()


def test_unknown_argument_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="PHOTOQUEUE_CONCURENCY"):
        load_settings(concurency=3)


def test_settings_never_show_their_secrets() -> None:
    settings = Settings(
        database_url=SECRETS["DATABASE_URL"],
        redis_url=SECRETS["REDIS_URL"],
        model_mirror="https://ana:marlin@files.example/models",
        llm_base_url="https://ana:sk-pike@router.example/v1?key=sk-pike",
        photo_store="sftp://ana:trout@files.example/photos",
        alert_url="https://hooks.example/salmon",
        webhook_secret="whsec_" + 8 * "tuna",
    )
    for shown in (repr(settings), str(settings), f"{settings}", settings.model_dump_json()):
        for secret in ("hunter2", "swordfish", "marlin", "pike", "trout", "salmon", "tuna"):
            assert secret not in shown
    assert Settings(**settings.model_dump()) == settings


@pytest.mark.parametrize("field", ["databse_url", "database_url", "photo_store", "home"])
def test_refused_settings_show_no_secret_either(field: str) -> None:
    wrong = ["postgresql://worker:hunter2@db/photos"]
    with pytest.raises(ValidationError) as caught:
        Settings(**{field: wrong})
    assert "hunter2" not in str(caught.value)


def test_settings_never_show_the_key_of_the_llm() -> None:
    settings = Settings(llm_api_key="sk-hunter2")
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hunter2" not in shown


def test_error_about_settings_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("QUEUE_CONCURRENCY", "two")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None  # pydantic's own error shows what it was given
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("given", "least", "most"), [(2, 2, 2), ("2", 2, 2), ("2-8", 2, 8), (" 1 - 3 ", 1, 3)]
)
def test_concurrency_is_a_number_or_a_range(given: int | str, least: int, most: int) -> None:
    concurrency = Concurrency.of(given)
    assert concurrency == Concurrency(least, most)
    assert Concurrency.of(str(concurrency)) == Concurrency.of(concurrency) == concurrency


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("0-8", "write 1-8. To scale to zero"),
        ("0", "write 1. "),
        (0, "write 1. "),
        ("8-2", "Write 2-8."),
        ("-1", "such as 2-8"),
        ("2-", "such as 2-8"),
        ("٢", "such as 2-8"),
        ("99999", "such as 2-8"),
        ("", "such as 2-8"),
    ],
)
def test_concurrency_that_cannot_be_says_what_to_write(given: int | str, advice: str) -> None:
    with pytest.raises(ValueError, match=re.escape(advice)):
        Concurrency.of(given)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().concurrency = Concurrency(3, 3)


def test_settings_compare_by_value(tmp_path: Path) -> None:
    assert Settings(home=tmp_path) == Settings(home=tmp_path)
    assert Settings(home=tmp_path) != Settings(home=tmp_path / "other")


def test_home_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ana")
    assert Settings(home=Path("data")).home == tmp_path / "data"
    assert Settings(home=Path("~/data")).home == Path("/home/ana/data")


def test_settings_can_be_made_from_those_of_another_installation(tmp_path: Path) -> None:
    for settings in (Settings(), Settings(concurrency=Concurrency(1, 5), threads=3)):
        assert Settings(**settings.model_dump()) == settings
        assert Settings(**{**settings.model_dump(), "home": tmp_path}).home == tmp_path


def test_environment_gives_another_process_the_same_settings(tmp_path: Path) -> None:
    # Given settings that differ from the defaults in every kind of field
    settings = Settings(
        home=tmp_path / "a home with spaces",
        database_url=SECRETS["DATABASE_URL"],
        redis_url=None,
        concurrency=Concurrency(1, 5),
        max_retries=0,
        backoff_delay=0,
        lease_seconds=0.25,
        grace_seconds=0,
        engine="tests.engines:scripted",
        model=None,
        threads=3,
        score_threshold=0.5,
        language="fr",
        photo_store="s3://bucket/photos",
    )
    # When a process that inherited other ones is given them
    program = (
        "from photoqueue.settings import load_settings\n"
        "import sys\n"
        "sys.stdout.write(repr(sorted(load_settings().to_environment().items())))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **os.environ,
            "REDIS_URL": "redis://inherited",
            "PHOTOQUEUE_MODEL": "inherited",
            **settings.to_environment(),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    # Then it has exactly these
    assert result.stdout == repr(sorted(settings.to_environment().items()))


def test_every_field_has_a_variable_of_its_own() -> None:
    environment = Settings().to_environment()
    assert len(environment) == len(Settings.model_fields)
    assert {"DATABASE_URL", "REDIS_URL", "QUEUE_CONCURRENCY", "PHOTOQUEUE_HOME"} <= set(environment)


@pytest.mark.parametrize("value", ["inf", "nan", "1e999", "-1"])
@pytest.mark.parametrize(
    "variable",
    [
        "PHOTOQUEUE_LLM_PRICE_IN",
        "PHOTOQUEUE_LLM_REQUESTS_PER_MINUTE",
        "PHOTOQUEUE_LEASE_SECONDS",
        "PHOTOQUEUE_GRACE_SECONDS",
    ],
)
def test_number_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=variable):
        load_settings()


def test_rate_of_nearly_no_requests_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOQUEUE_LLM_REQUESTS_PER_MINUTE", "1e-300")
    with pytest.raises(ConfigurationError, match="PHOTOQUEUE_LLM_REQUESTS_PER_MINUTE"):
        load_settings()
