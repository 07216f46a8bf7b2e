"""A temporary installation for experiments, with its own servers and data.

Notebooks that need a special engine or settings use it, so that their jobs do not reach other
workers.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from photoqueue import services
from photoqueue.installation import current, use
from photoqueue.settings import Settings, load_settings

# Short: the path of a Unix socket has a limit.
_PREFIX: Final = "photoqueue-trial-"


class Trial:
    """Real servers in a temporary folder, used by all calls until ``close()``.

    It closes with this process at the latest; leftovers of a killed process are removed when the
    next trial begins.

    Parameters
    ----------
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

    def __init__(self, **settings: object) -> None:
        # Imported late: Windows has no such locks.
        from photoqueue.services.folder import open_lock, try_lock

        _clear_away_abandoned()
        home = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._owned = open_lock(home / "owner")
        try_lock(self._owned)
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
        _remove(self._home)
        os.close(self._owned)

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<Trial: closed>" if self._closed else "<Trial>"


def _clear_away_abandoned() -> None:
    """Remove trials whose process is gone."""
    from photoqueue.services.folder import open_lock, try_lock

    for home in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            descriptor = open_lock(home / "owner")
        except OSError:
            continue  # belongs to another user, or is just being made or removed
        try:
            if try_lock(descriptor):
                _remove(home)
        finally:
            os.close(descriptor)


def _remove(home: Path) -> None:
    services.down(Settings(home=home, database_url=None, redis_url=None))
    shutil.rmtree(home, ignore_errors=True)
