"""Settings: one immutable object, and the only code that reads environment variables.

Names without the ``PHOTOQUEUE_`` prefix are those of the service that photoqueue replaces, so
that an existing deployment can keep its environment.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from photoqueue.addresses import expanded, is_reference
from photoqueue.errors import ConfigurationError

PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
#: At least one request in ten hours: anything lower is taken for a typing error.
Rate = Annotated[float, Field(ge=0.00166, allow_inf_nan=False)]


def _separated(value: object) -> object:
    """Split a text at its commas."""
    if not isinstance(value, str):
        return value
    return [part for part in map(str.strip, value.split(",")) if part]


def _reference(value: str) -> str:
    if not is_reference(value):
        raise ValueError(f"{value!r:.120} is not package.module:TYPE")
    return value


def _webhook_secret(value: SecretStr | None) -> SecretStr | None:
    keys = value.get_secret_value().split() if value else []
    try:
        sizes = [len(b64decode(key.removeprefix("whsec_"), validate=True)) for key in keys]
    except ValueError:
        sizes = [0]
    if value and not (sizes and all(24 <= size <= 64 for size in sizes)):
        raise ValueError("it is not whsec_ and 24 to 64 bytes in base64")
    return value


Network = Annotated[str, AfterValidator(lambda value: str(ip_network(value)))]
Reference = Annotated[str, AfterValidator(_reference)]  #: Where a model runs.
Device = Literal["auto", "cpu", "cuda"]

_LONGEST_DELAY_MS = 24 * 3600 * 1000


def _default_home() -> Path:
    """Return the user's data directory; one that cannot be used where the user has no home.

    An account without a home (a container that runs under any id) is enough with both servers and
    the photo store configured. Whatever needs the folder says that it is not there.
    """
    try:
        return Path(platformdirs.user_data_dir("photoqueue")).expanduser()
    except RuntimeError:  # from either
        return Path("/dev/null/photoqueue")


@dataclass(frozen=True, slots=True)
class Concurrency:
    """Number of processes that a worker runs per queue: fixed, or a range to scale within.

    Examples
    --------
    >>> Concurrency.of("2-8")
    Concurrency(least=2, most=8)
    """

    #: Smallest and largest number of processes; equal if the number is fixed.
    least: int
    most: int

    @classmethod
    def of(cls, given: int | str | Concurrency) -> Concurrency:
        """Read a number such as ``2``, or a range such as ``"2-8"``.

        Raises
        ------
        ValueError
            It is neither; the message says what is expected.
        """
        match = re.fullmatch(r"\s*(\d{1,4})(?:\s*-\s*(\d{1,4}))?\s*", str(given), re.ASCII)
        if match is None:
            raise ValueError(
                f"{str(given)!r} is not a number of processes. Give a number such as 2, or a range "
                "such as 2-8."
            )
        least, most = int(match[1]), int(match[2] or match[1])
        if most < least:
            raise ValueError(f"The range {least}-{most} is reversed. Write {most}-{least}.")
        if least < 1:
            raise ValueError(
                f"{given} allows no processes at all, but a worker needs at least one for each "
                f"queue: write {f'1-{most}' if most > 1 else 1}. To scale to zero, scale the "
                "workers instead, with KEDA for example (deploy/kubernetes/keda.yaml)."
            )
        return cls(least, most)

    @property
    def is_range(self) -> bool:
        """Whether the number of processes can change."""
        return self.least < self.most

    def __str__(self) -> str:
        return f"{self.least}-{self.most}" if self.is_range else str(self.least)


class Settings(BaseSettings):
    """Settings of an installation; immutable, comparable, printed without secrets.

    Build them with keyword arguments (for tests, or several installations in one process), or
    from the environment with :func:`load_settings`.
    """

    model_config = SettingsConfigDict(
        env_prefix="PHOTOQUEUE_",
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    #: Data directory: embedded servers, stored photos, models. Installations with different
    #: data directories share nothing.
    home: Path = Field(default_factory=_default_home)

    #: PostgreSQL to use instead of the embedded one (``postgresql://…``).
    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    #: Redis to use instead of the embedded one (``redis://…``, ``rediss://…``).
    redis_url: SecretStr | None = Field(default=None, validation_alias="REDIS_URL")

    #: What carries the messages: ``auto`` is Redis, or PostgreSQL if no Redis is available;
    #: ``postgres`` is always PostgreSQL.
    broker: Literal["auto", "postgres"] = "auto"

    #: Custom job types, as ``package.module:TYPE``; separate several with commas.
    job_types: Annotated[tuple[Reference, ...], NoDecode, BeforeValidator(_separated)] = ()

    #: Processes per queue and worker, each with one job at a time: a number, or a range such as
    #: ``2-8``, within which the number follows the number of waiting jobs.
    concurrency: Annotated[
        Concurrency,
        NoDecode,
        BeforeValidator(Concurrency.of),
        # Dumped in the form in which it is read, so that dumped settings can be loaded again.
        PlainSerializer(str),
    ] = Field(default=Concurrency(2, 2), validation_alias="QUEUE_CONCURRENCY")
    #: Retries after the first attempt.
    max_retries: Annotated[int, Field(ge=0, le=50)] = Field(
        default=3, validation_alias="QUEUE_MAX_RETRIES"
    )
    #: Milliseconds before the first retry; each further delay is four times the one before.
    backoff_delay: Annotated[int, Field(ge=0)] = Field(
        default=5000, validation_alias="QUEUE_BACKOFF_DELAY"
    )

    #: Seconds within which a worker must show that it is alive, or lose its jobs.
    lease_seconds: PositiveFloat = 10.0
    #: Seconds a job may run before its process is killed and the attempt ends as ``timeout``.
    job_timeout_seconds: PositiveFloat = 300.0
    #: Seconds for which fewer processes must have been enough before a range scales down.
    idle_seconds: PositiveFloat = 60.0
    #: Seconds that running jobs get to finish after SIGTERM or SIGINT.
    grace_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0

    #: Engine that analyses photos: ``auto`` (the best configured one), a registered name, or
    #: ``package.module:factory``.
    engine: str = "auto"
    #: Model of the detector: a path, or a registered name.
    model: str | None = None
    #: Server from which ``photoqueue models pull`` downloads ``NAME.onnx`` instead of the authors'.
    model_mirror: SecretStr | None = None
    #: onnxruntime threads per worker process; ``None`` divides the cores among the processes.
    threads: PositiveInt | None = None
    #: Where detectors run: ``auto`` is a CUDA device if onnxruntime can use one, else the CPU.
    device: Device = "auto"
    #: Detections below this score are dropped; ``None`` is the model's default.
    score_threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    #: An OpenAI-compatible server for the engine ``llm``, such as ``http://localhost:11434/v1``.
    llm_base_url: SecretStr | None = None
    #: Name of the model on that server.
    llm_model: str | None = None
    #: API key of that server; local servers usually need none.
    llm_api_key: SecretStr | None = None
    #: Time limit of one request to the server, in seconds.
    llm_timeout_seconds: PositiveFloat = 120.0
    #: Requests per minute of all workers on all hosts together; ``None`` sets no limit.
    llm_requests_per_minute: Rate | None = None
    #: US dollars per million input tokens, for the recorded cost; ``None`` records no cost.
    llm_price_in: Price | None = None
    #: US dollars per million output tokens.
    llm_price_out: Price | None = None
    #: Longest side, in pixels, of a picture that is sent; with several pictures each is smaller.
    llm_picture_side: Annotated[int, Field(ge=64, le=8192)] = 1280
    #: Level of detail at which the model reads pictures, for servers that support the option.
    llm_detail: Literal["low", "high", "auto"] | None = None
    #: Longest answer in tokens; ``None`` leaves it to the server.
    llm_max_tokens: PositiveInt | None = None
    #: How JSON is requested from the server; ``auto`` tries the other values in this order.
    llm_response_format: Literal["auto", "json_schema", "json_object", "prompt"] = "auto"
    #: How the model writes boxes: order of the corners or sizes, and unit (share of the picture,
    #: thousandths, pixels of the picture as sent), as in ``yxyx-thousand``; ``auto`` decides for
    #: each answer.
    llm_boxes: Annotated[
        str, Field(pattern="^(auto|(xyxy|yxyx|xywh)-(share|thousand|pixels))$")
    ] = "auto"
    #: CSV file with changes to the catalogue.
    catalogue: Path | None = None
    #: Language of item names in results.
    language: Annotated[str, Field(pattern="^(en|fr)$")] = "en"

    #: Name of the company on its reports.
    report_company: str | None = None
    #: Picture file with the logo of the company.
    report_logo: Path | None = None
    #: Jinja2 file that replaces the template of reports.
    report_template: Path | None = None

    #: Where photos are stored: a folder or any fsspec URL; ``None`` is ``home/photos``.
    photo_store: SecretStr | None = None
    #: Largest photo accepted, in MiB of file size.
    max_photo_mb: PositiveFloat = 50.0
    #: Largest photo accepted, in megapixels once decoded.
    max_photo_megapixels: PositiveFloat = 120.0

    #: Token that callers of the HTTP API must send (``Authorization: Bearer …``); ``None`` requires
    #: no token and is allowed on loopback addresses only.
    api_token: SecretStr | None = None
    #: Requests per second that one client of the HTTP API may send; 0 sets no limit.
    api_requests_per_second: Annotated[float, Field(ge=0)] = 100.0
    #: Addresses and networks of the proxies in front of the HTTP API, separated by commas. Limits
    #: and logs then take the client from their ``X-Forwarded-For``; nobody else's is read.
    api_trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_separated)] = ()

    #: Seconds after which an open batch closes by itself if nothing is added to it.
    batch_idle_seconds: Annotated[float, Field(gt=0, le=2_592_000)] = 3600.0

    #: Whether OpenTelemetry spans are sent; needs the extra ``tracing``.
    tracing: bool = False

    #: URL that workers tell of the ends of batches and inventories, and of reports.
    webhook_url: SecretStr | None = None
    #: Key that signs webhooks and alerts, as of Standard Webhooks: ``whsec_`` and 24 to 64 random
    #: bytes in base64; two, separated by a space, while one replaces the other.
    webhook_secret: Annotated[SecretStr | None, AfterValidator(_webhook_secret)] = None
    #: Private networks to which webhooks and alerts may be sent, separated by commas; none but
    #: public addresses otherwise.
    webhook_networks: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_separated)] = ()

    #: URL to which ``photoqueue check`` posts the beginning and end of incidents, as JSON.
    alert_url: SecretStr | None = None
    #: Minutes of history that ``photoqueue check`` examines.
    alert_window_minutes: Annotated[int, Field(ge=1, le=700)] = 10
    #: Share of ended jobs that failed (0 to 1) above which it warns.
    alert_failure_rate: Annotated[float, Field(ge=0, le=1)] = 0.2
    #: Share of engine calls that failed (0 to 1) above which it warns.
    alert_ai_error_rate: Annotated[float, Field(ge=0, le=1)] = 0.2
    #: Seconds that a job may wait before ``photoqueue check`` warns.
    alert_oldest_waiting_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 600.0
    #: Attempts lost with their worker, within the window, from which it warns.
    alert_recovered: PositiveInt = 5
    #: Retries within the window from which it warns, if they doubled since the window before.
    alert_retries: PositiveInt = 10

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read keyword arguments and the environment; there are no files with settings."""
        return init_settings, env_settings

    @field_validator("home", "catalogue", "report_logo", "report_template")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        path = expanded(value)
        if path.parts[:1] and path.parts[0].startswith("~"):
            raise ValueError(f"nobody knows the home folder {path.parts[0]}")
        return path.absolute()

    def to_environment(self) -> dict[str, str]:
        """Return environment variables that give another process these settings; holds secrets."""
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
        """The attempt budget of a job: the first attempt and its retries."""
        return 1 + self.max_retries

    def retry_delay_ms(self, retry: int) -> int:
        """Return the delay before retry number ``retry`` (from 1), in ms; at most a day."""
        return int(min(self.backoff_delay * 4 ** min(max(retry, 1) - 1, 30), _LONGEST_DELAY_MS))


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment; keyword arguments take precedence.

    Raises
    ------
    ConfigurationError
        A value is malformed; the message names the variable.
    """
    try:
        return Settings(**overrides)
    except ValidationError as exc:
        problems = "; ".join(
            f"{variable_of(str(error['loc'][0]))}: {error['msg']}" for error in exc.errors()
        )
        raise ConfigurationError(
            f"Settings cannot be read: {problems}. Correct the environment variable and try again."
        ) from None


def variable_of(field: str) -> str:
    """Return the name of the environment variable of a field."""
    known = Settings.model_fields.get(field)
    if known is not None and isinstance(known.validation_alias, str):
        return known.validation_alias
    return field if field.isupper() else f"PHOTOQUEUE_{field.upper()}"
