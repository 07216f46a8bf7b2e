"""Settings: one frozen value, and the only reader of the environment.

The names without the ``PHOTOQUEUE_`` prefix are those of the service that photoqueue
succeeds, so that an existing deployment keeps its environment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from photoqueue.addresses import is_reference
from photoqueue.errors import ConfigurationError

PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
#: At least one request in ten hours: anything lower is a typing error.
Rate = Annotated[float, Field(ge=0.00166, allow_inf_nan=False)]


_LONGEST_DELAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many processes a worker has for a queue: a number, or a range to choose from.

    Attributes
    ----------
    least, most : int
        Processes; the same where the number is fixed.

    Examples
    --------
    >>> Concurrency.of("2-8")
    Concurrency(least=2, most=8)
    """

    least: int
    most: int

    @classmethod
    def of(cls, given: int | str | Concurrency) -> Concurrency:
        """Read a number such as ``2``, or a range such as ``"2-8"``.

        Raises
        ------
        ValueError
            It is neither; the message says what to write.
        """
        match = re.fullmatch(r"\s*(\d{1,4})(?:\s*-\s*(\d{1,4}))?\s*", str(given), re.ASCII)
        if match is None:
            raise ValueError(
                f"{str(given)!r} is no number of processes. Write one, such as 2, or a range, such "
                "as 2-8."
            )
        least, most = int(match[1]), int(match[2] or match[1])
        if most < least:
            raise ValueError(f"The range {least}-{most} is reversed. Write {most}-{least}.")
        if least < 1:
            raise ValueError(
                f"{given} would leave no process to take the next job. A worker keeps at least one "
                f"for each queue: write {f'1-{most}' if most > 1 else 1}. To scale down to none, "
                "scale workers instead: KEDA does that with pods (deploy/kubernetes/keda.yaml)."
            )
        return cls(least, most)

    @property
    def is_range(self) -> bool:
        """Whether there is anything to choose."""
        return self.least < self.most

    def __str__(self) -> str:
        return f"{self.least}-{self.most}" if self.is_range else str(self.least)


class Settings(BaseSettings):
    """Settings of an installation; immutable, comparable, printed without secrets.

    Build it with keyword arguments (tests, several installations in one process) or
    with :func:`load_settings` from the environment.
    """

    model_config = SettingsConfigDict(
        env_prefix="PHOTOQUEUE_",
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        env_ignore_empty=True,
    )

    #: Data directory: embedded servers, stored photos, models. Installations with different
    #: homes share nothing.
    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("photoqueue")))

    #: PostgreSQL to use instead of the embedded one (``postgresql://…``).
    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    #: Redis to use instead of the embedded one (``redis://…``, ``rediss://…``).
    redis_url: SecretStr | None = Field(default=None, validation_alias="REDIS_URL")

    #: What carries the messages: ``auto`` is Redis, or PostgreSQL where no Redis is available;
    #: ``postgres`` uses PostgreSQL only.
    broker: Literal["auto", "postgres"] = "auto"

    #: Job types of one's own, as ``package.module:TYPE``; commas between several.
    job_types: Annotated[tuple[str, ...], NoDecode] = ()

    #: Processes per queue and worker, each with one job at a time: a number, or a range such as
    #: ``2-8``, within which their number follows the jobs that wait.
    concurrency: Annotated[
        Concurrency,
        NoDecode,
        BeforeValidator(Concurrency.of),
        # Dumped as it is written, so that settings can be made from those of another installation.
        PlainSerializer(str),
    ] = Field(default=Concurrency(2, 2), validation_alias="QUEUE_CONCURRENCY")
    #: Tries after the first one.
    max_retries: Annotated[int, Field(ge=0, le=50)] = Field(
        default=3, validation_alias="QUEUE_MAX_RETRIES"
    )
    #: Milliseconds before the first retry; each further wait is four times the last.
    backoff_delay: Annotated[int, Field(ge=0)] = Field(
        default=5000, validation_alias="QUEUE_BACKOFF_DELAY"
    )

    #: Seconds within which a worker must show that it is alive, or lose its jobs.
    lease_seconds: PositiveFloat = 10.0
    #: Seconds a job may run before its process is ended and the attempt counts as ``timeout``.
    job_timeout_seconds: PositiveFloat = 300.0
    #: Seconds for which fewer processes must have been enough before one of a range is ended.
    idle_seconds: PositiveFloat = 60.0
    #: Seconds that running jobs get to finish after SIGTERM or SIGINT.
    grace_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0

    #: Engine that analyses photos: ``auto`` (the best that is configured), a registered name, or
    #: ``package.module:factory``.
    engine: str = "auto"
    #: Model of the detector: a path, or a registered name.
    model: str | None = None
    #: Server from which ``photoqueue models pull`` fetches ``NAME.onnx`` instead of the authors'.
    model_mirror: SecretStr | None = None
    #: onnxruntime threads per worker process; ``None`` divides the cores among the processes.
    threads: PositiveInt | None = None
    #: Detections below this score are not reported; ``None`` is the model's own default.
    score_threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    #: An OpenAI-compatible server for the engine ``llm``, such as ``http://localhost:11434/v1``.
    llm_base_url: str | None = None
    #: Name of the model on that server.
    llm_model: str | None = None
    #: API key of that server; servers on your own network usually need none.
    llm_api_key: SecretStr | None = None
    #: Seconds that one request to the server may take.
    llm_timeout_seconds: PositiveFloat = 120.0
    #: Requests a minute of all workers on all hosts together; ``None`` sets no limit.
    llm_requests_per_minute: Rate | None = None
    #: US dollars per million tokens sent, for the recorded cost; ``None`` records no cost.
    llm_price_in: Price | None = None
    #: US dollars per million tokens received.
    llm_price_out: Price | None = None
    #: Longest side, in pixels, of a picture that is sent; several pictures are sent smaller.
    llm_picture_side: Annotated[int, Field(ge=64, le=8192)] = 1280
    #: Detail with which the model reads pictures, for servers that support the option.
    llm_detail: Literal["low", "high", "auto"] | None = None
    #: Longest answer in tokens; ``None`` leaves it to the server.
    llm_max_tokens: PositiveInt | None = None
    #: How the server is asked for JSON; ``auto`` tries the others in this order.
    llm_response_format: Literal["auto", "json_schema", "json_object", "prompt"] = "auto"
    #: CSV file with changes to the catalogue.
    catalogue: Path | None = None
    #: Language of item names in results.
    language: Annotated[str, Field(pattern="^(en|fr)$")] = "en"

    #: Where photos are stored: a folder or any fsspec URL; ``None`` is ``home/photos``.
    photo_store: str | None = None
    #: Largest photo accepted, in MiB of file size.
    max_photo_mb: PositiveFloat = 50.0
    #: Largest photo accepted, in megapixels once decoded.
    max_photo_megapixels: PositiveFloat = 120.0

    #: Token that callers of the HTTP API must send (``Authorization: Bearer …``); ``None`` requires
    #: no token and is allowed on loopback addresses only.
    api_token: SecretStr | None = None
    #: Requests a second that one client of the HTTP API may send; 0 sets no limit.
    api_requests_per_second: Annotated[float, Field(ge=0)] = 100.0

    #: Whether OpenTelemetry spans are sent; needs the extra ``tracing``.
    tracing: bool = False

    #: Address to which ``photoqueue check`` sends, as JSON, the beginning and end of incidents.
    alert_url: SecretStr | None = None
    #: Minutes of history that ``photoqueue check`` examines.
    alert_window_minutes: Annotated[int, Field(ge=1, le=700)] = 10
    #: Share, from 0 to 1, of ended jobs that failed, above which it warns.
    alert_failure_rate: Annotated[float, Field(ge=0, le=1)] = 0.2
    #: Share, from 0 to 1, of calls of engines that failed, above which it warns.
    alert_ai_error_rate: Annotated[float, Field(ge=0, le=1)] = 0.2
    #: Seconds that a job may wait before it warns.
    alert_oldest_waiting_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 600.0
    #: Attempts lost with their worker, within the window, from which it warns.
    alert_recovered: PositiveInt = 5
    #: Retries within the window from which it warns when they have doubled.
    alert_retries: PositiveInt = 10

    @field_validator("home", "catalogue")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value and value.expanduser().absolute()

    @field_validator("job_types", mode="before")
    @classmethod
    def _references(cls, value: object) -> object:
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, tuple | list):
            return names
        stripped = [name.strip() if isinstance(name, str) else name for name in names]
        found = tuple(name for name in stripped if name)
        for name in found:
            if not (isinstance(name, str) and is_reference(name)):
                raise ValueError(f"{name!r:.120} is not package.module:TYPE")
        return found

    def to_environment(self) -> dict[str, str]:
        """Return the variables that give another process these settings; holds secrets."""
        environment = {}
        for name, value in self:
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            elif isinstance(value, tuple):
                value = ",".join(value)
            environment[variable_of(name)] = "" if value is None else str(value)
        return environment

    @property
    def max_attempts(self) -> int:
        """The attempt budget of a job: the first try and its retries."""
        return 1 + self.max_retries

    def retry_delay_ms(self, retry: int) -> int:
        """Milliseconds to wait before retry number ``retry`` (counted from 1); a day at most."""
        return int(min(self.backoff_delay * 4 ** min(max(retry, 1) - 1, 30), _LONGEST_DELAY_MS))


def load_settings(**overrides: object) -> Settings:
    """Read the environment; keyword arguments win over it.

    Raises
    ------
    ConfigurationError
        A value is malformed; the message names the variable.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # checked by pydantic
    except ValidationError as exc:
        problems = "; ".join(
            f"{variable_of(str(error['loc'][0]))}: {error['msg']}" for error in exc.errors()
        )
        raise ConfigurationError(
            f"Settings cannot be read: {problems}. Correct the environment variable and try again."
        ) from None


def variable_of(field: str) -> str:
    """Name of the environment variable behind a field."""
    known = Settings.model_fields.get(field)
    if known is not None and isinstance(known.validation_alias, str):
        return known.validation_alias
    return field if field.isupper() else f"PHOTOQUEUE_{field.upper()}"
