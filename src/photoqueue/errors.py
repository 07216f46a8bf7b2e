"""Every error photoqueue raises: one tree, whose root is :class:`PhotoqueueError`.

Each message says what happened, to which thing, and what to do next. A custom engine raises
:class:`PermanentError` (or a subclass) to say "do not retry".
"""

from __future__ import annotations

import errno
from typing import Any, Final

from photoqueue.phrases import FRENCH, phrase

#: Exit status of a process that cannot work as configured (``EX_CONFIG`` of sysexits.h). Starting
#: it again would not help.
EXIT_CONFIGURATION: Final = 78
#: Faults of the system that do not pass by themselves.
_LASTING: Final = FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError
_LASTING_NUMBERS: Final = frozenset(
    (
        *(errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG, errno.EROFS),
        *(errno.EADDRINUSE, errno.EADDRNOTAVAIL),  # the ports that a worker is told to use
    )
)


class PhotoqueueError(Exception):
    """Base of every error raised by photoqueue.

    Parameters
    ----------
    *args
        The message: what happened, to which thing, and what to do next.
    **values
        Those that the message has ``{name}`` for. A message that is written so can be said in
        another language.
    """

    def __init__(self, *args: object, **values: Any) -> None:
        self.text, self.values = str(args[0]) if args else "", values
        super().__init__(*((phrase("en", self.text, **values), *args[1:]) if values else args))

    def said(self, language: str) -> str:
        """Return the message in ``en`` or ``fr``; in English where it has no French."""
        known = language == "fr" and self.text in FRENCH
        return phrase(language, self.text, **self.values) if known else str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle any subclass: by default Python calls it with the message alone."""
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[PhotoqueueError], args: tuple[object, ...]) -> PhotoqueueError:
    error = kind.__new__(kind, *args)
    error.args = args  # which OSError takes from its initialiser only
    return error


class ConfigurationError(PhotoqueueError):
    """A setting is missing or wrong."""


class EngineUnavailableError(ConfigurationError):
    """The configured engine cannot be built: unknown name, missing extra, missing model."""


class ServiceError(PhotoqueueError):
    """A server that photoqueue needs cannot be reached or used."""


class DatabaseUnavailableError(ServiceError):
    """PostgreSQL, which holds the tracking table, cannot be reached."""


class BrokerUnavailableError(ServiceError):
    """The broker, which carries job ids to workers, cannot be reached."""


class SchemaMismatchError(ServiceError):
    """The tracking tables do not match this version of photoqueue."""


class EngineServerError(ServiceError):
    """The server behind an engine cannot be reached or answers with errors."""


class EngineTimeoutError(EngineServerError, TimeoutError):
    """The server behind an engine did not answer in time."""


class RateLimitedError(EngineServerError):
    """The server behind an engine asks for a pause.

    Attributes
    ----------
    seconds : float
        Length of the pause; the job is not retried earlier.
    """

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class ThrottledError(RateLimitedError):
    """The installation's own rate limit is used up; the job is put back without a lost attempt."""


class StorageError(PhotoqueueError):
    """The photo storage could not be read or written."""


class DownloadError(PhotoqueueError):
    """A model could not be fetched from where it is published."""


class NotFoundError(PhotoqueueError, LookupError):
    """Something was asked for by an id that this installation does not know."""


class UnknownJobError(NotFoundError):
    """No job of this id exists in this installation."""


class UnknownBatchError(NotFoundError):
    """No batch of this id exists in this installation."""


class UnknownProjectError(NotFoundError):
    """No photo was ever submitted for this project."""


class PermanentError(PhotoqueueError):
    """Trying again cannot help: the job fails at once instead of being retried."""


class PayloadError(PermanentError):
    """The job data does not have the form that the job type requires."""


class PhotoError(PermanentError):
    """A photo cannot be used."""


class PhotoNotFoundError(PhotoError):
    """The photo is not where it was said to be."""


class UnreadablePhotoError(PhotoError):
    """The file is not a picture, or is damaged."""


class PhotoTooLargeError(PhotoError):
    """The picture exceeds the limit on bytes or pixels."""


class PhotoConflictError(PermanentError):
    """The photo id belongs to another picture that is being analysed."""


class ModelError(PermanentError):
    """The model file cannot be used."""


class MessageRefusedError(PhotoqueueError):
    """A message in the broker does not have the form that photoqueue writes."""


class StateError(PhotoqueueError):
    """The state of the job does not allow what was asked."""


class TooSlowError(PhotoqueueError):
    """There are too many jobs to sort or search within the time limit."""


class NoWorkerError(PhotoqueueError):
    """A call waits for a job although no worker of its queue is running."""


class ResultTimeoutError(PhotoqueueError, TimeoutError):
    """The job or batch did not finish in the given time; it goes on running."""


class JobError(PhotoqueueError):
    """The job ended without a result.

    Attributes
    ----------
    job_id : str
        The job that ended.
    """

    def __init__(self, message: str, *, job_id: str) -> None:
        super().__init__(message)
        self.job_id = job_id


class JobFailedError(JobError):
    """The job failed; carries the error that the worker saw.

    Attributes
    ----------
    error_type : str
        Class name of the original exception, or ``worker_lost`` / ``timeout``.
    remote_traceback : str
        The traceback as it was in the worker; empty when the worker died.
    """

    def __init__(
        self, message: str, *, job_id: str, error_type: str, remote_traceback: str = ""
    ) -> None:
        super().__init__(message, job_id=job_id)
        self.error_type = error_type
        self.remote_traceback = remote_traceback


class JobCancelledError(JobError):
    """The job was cancelled before it finished."""


def may_pass(error: BaseException) -> bool:
    """Whether memory, a disk or a network is behind an error, so that a later try may succeed.

    A file that does not exist or may not be read does not change by itself.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return True
        if isinstance(cause, OSError) and not isinstance(cause, _LASTING):
            return cause.errno not in _LASTING_NUMBERS
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return False
