"""A temporary installation for experiments, with its own servers and data.

Notebooks that need a special engine or settings use it, so that their jobs do not reach other
workers.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from photoqueue import services
from photoqueue.files import try_lock
from photoqueue.installation import current, use
from photoqueue.settings import Settings, load_settings

# Short: the path of a Unix socket has a limit.
_PREFIX: Final = "photoqueue-trial-"
_KEPT: Final = "photoqueue-kept-"


def hold(folder: Path) -> int | None:
    """Protect a folder from being :func:`abandoned` until this process ends or :func:`release`.

    Returns
    -------
    int or None
        For :func:`release`; None where the folder is held already or cannot be locked, as on
        Windows.
    """
    with contextlib.suppress(ImportError, OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        if try_lock(descriptor):
            return descriptor
        os.close(descriptor)
    return None


def release(held: int | None) -> None:
    """Release a folder that was held."""
    if held is not None:
        os.close(held)


def abandoned(parent: Path, pattern: str = "*", *, grace: float = 0.0) -> Iterator[Path]:
    """Yield the folders in a folder that no process holds; each is held meanwhile.

    Left out are those that cannot be locked, which belong to other users, and those that
    changed less than ``grace`` seconds ago.
    """
    for folder in parent.glob(pattern):
        with contextlib.suppress(OSError):
            if folder.is_symlink() or not folder.is_dir():
                continue
            if time.time() - folder.stat().st_mtime < grace:
                continue
            if (held := hold(folder)) is not None:
                try:
                    yield folder
                finally:
                    release(held)


class Trial:
    """Real servers in a temporary folder, used by all calls until ``close()``.

    It closes with this process at the latest; leftovers of a killed process are removed when the
    next trial begins.

    Parameters
    ----------
    keep : bool
        Leave the servers running and the folder where it is.
    **settings
        Settings of the installation, as in :class:`~photoqueue.settings.Settings`, such as
        ``engine``. Others come from the environment, except servers, home and photo store.

    Attributes
    ----------
    settings : Settings
        The settings in use.
    database_url, redis_url : SecretStr
        Addresses of its servers; ``redis_url`` is None if PostgreSQL carries the messages.

    Raises
    ------
    ConfigurationError
        A setting is malformed, or there is no embedded PostgreSQL here.
    ServiceError
        A server does not start.

    Examples
    --------
    >>> trial = Trial(engine="my_package.my_module:make", backoff_delay=100)  # doctest: +SKIP
    >>> trial.close()  # doctest: +SKIP
    """

    settings: Settings
    database_url: SecretStr
    redis_url: SecretStr | None

    def __init__(self, *, keep: bool = False, **settings: object) -> None:
        for left in abandoned(Path(tempfile.gettempdir()), f"{_PREFIX}*"):
            _remove(left)
        home = Path(tempfile.mkdtemp(prefix=_KEPT if keep else _PREFIX))
        self._keep = keep
        self._held = hold(home)
        own: dict[str, object] = {
            "home": home,
            "database_url": None,
            "redis_url": None,
            "photo_store": None,
        }
        self._home = home
        self._closed = False
        atexit.register(self.close)
        try:
            self.settings = load_settings(**{**settings, **own})
            use(self.settings)
        except BaseException:
            self._keep = False
            self.close()
            raise
        self.database_url = current().endpoints.database_url
        self.redis_url = current().endpoints.redis_url

    def close(self) -> None:
        """Stop the servers and remove all data; end its workers first. May be called twice.

        Later calls use the installation of the environment.
        """
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        use(None)
        if not self._keep:
            _remove(self._home)
        release(self._held)

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<Trial: closed>" if self._closed else "<Trial>"


def _remove(home: Path) -> None:
    services.down(Settings(home=home, database_url=None, redis_url=None))
    shutil.rmtree(home, ignore_errors=True)
