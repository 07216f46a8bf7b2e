"""A JupyterLab and a Voilà of the tests' own, and the end of everything that they started."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psutil

from photoqueue import Settings
from tests.conftest import REPOSITORY, eventually

#: Seconds for a server to answer and, afterwards, for its kernels and their workers to end.
_START_SECONDS: Final = 90.0
_END_SECONDS: Final = 40.0

#: Seconds after which a Voilà of the tests ends a kernel that no page is connected to.
CULL_SECONDS: Final = 25

#: Nothing is fetched from elsewhere, and no message covers what is looked at.
_QUIET_LAB: Final = {"fetchNews": "false", "checkForUpdates": False}


class JupyterHome:
    """The folder of one run: notebooks, and everything that Jupyter keeps for a user.

    Attributes
    ----------
    notebooks : Path
        What the servers show.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pq-jupyter-"))
        self.notebooks = self.folder / "notebooks"
        self.notebooks.mkdir()
        # Voilà reads it where it is started.
        shutil.copy(REPOSITORY / "notebooks" / "voila.json", self.notebooks)
        settings = self.folder / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(_QUIET_LAB))
        self._kernels = 0

    def environment(self) -> dict[str, str]:
        """Return the environment of the servers."""
        own = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        return {
            **os.environ,
            **{name: str(self.folder / place) for name, place in own.items()},
            # The engines of the tests are modules of this checkout.
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *_paths()]),
            "JUPYTER_PLATFORM_DIRS": "1",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }

    def write(self, name: str, cells: Sequence[str], settings: Settings) -> str:
        """Write a notebook whose kernel has these settings; return its path in the servers.

        The settings are the environment of a kernel of its own, so that they hold after a
        restart, and so that several tests share one server.
        """
        self._kernels += 1
        kernel = f"photoqueue-{self._kernels}"
        spec = self.folder / "data" / "kernels" / kernel
        spec.mkdir(parents=True)
        launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        described = {
            "argv": launch,
            "display_name": kernel,
            "language": "python",
            "env": settings.to_environment(),
        }
        (spec / "kernel.json").write_text(json.dumps(described))
        # By hand: nbformat would be a dependency of this for no more than ids.
        notebook = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"kernelspec": {"name": kernel, "display_name": kernel}},
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{number}",
                    "metadata": {},
                    "outputs": [],
                    "execution_count": None,
                    "source": source,
                }
                for number, source in enumerate(cells)
            ],
        }
        file = f"{name}-{self._kernels}.ipynb"
        (self.notebooks / file).write_text(json.dumps(notebook))
        return file

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class JupyterServer:
    """A running server, with the address that a browser opens.

    Attributes
    ----------
    url : str
        Without a slash at its end.
    token : str
        What JupyterLab asks for.
    """

    def __init__(self, home: JupyterHome, name: str, command: Sequence[str]) -> None:
        self.home = home
        self.token = secrets.token_hex(16)
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = home.folder / f"{name}.log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [part.format(port=port, token=self.token) for part in command],
                cwd=home.notebooks,
                env=home.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            eventually(self._ready, timeout=_START_SECONDS)
        except BaseException:
            self.stop()
            raise

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def kernels(self) -> list[psutil.Process]:
        """List the processes of its kernels."""
        return [
            process
            for process in psutil.Process(self._process.pid).children()
            if "ipykernel_launcher" in process.cmdline()
        ]

    def stop(self) -> None:
        """End the server, its kernels and their workers; what would not end is a failure."""
        started = []
        if self._process.poll() is None:
            started = psutil.Process(self._process.pid).children(recursive=True)
            self._process.terminate()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        _, left = psutil.wait_procs(started, timeout=_END_SECONDS)
        for process in left:
            process.kill()
        assert not left, f"left behind by {self.url}: {left}\n{self.log}"

    def _ready(self) -> bool:
        assert self._process.poll() is None, self.log
        try:
            with urllib.request.urlopen(f"{self.url}/?token={self.token}", timeout=5):
                return True
        except urllib.error.HTTPError:
            return True  # it answers
        except OSError:
            return False


def start_lab(home: JupyterHome) -> JupyterServer:
    """Start JupyterLab on the notebooks of ``home``."""
    return JupyterServer(
        home,
        "lab",
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--ServerApp.ip=127.0.0.1", "--ServerApp.port={port}"),
            *("--ServerApp.port_retries=0", "--IdentityProvider.token={token}"),
            # The tests ask the page itself whether its kernel is idle.
            "--expose-app-in-browser",
        ],
    )


def start_voila(home: JupyterHome) -> JupyterServer:
    """Start Voilà on the notebooks of ``home``."""
    return JupyterServer(
        home,
        "voila",
        [
            *(sys.executable, "-m", "voila", "."),
            *("--port={port}", "--Voila.port_retries=0"),
            # As in voila.json, sooner.
            "--MappingKernelManager.cull_interval=2",
            f"--MappingKernelManager.cull_idle_timeout={CULL_SECONDS}",
            "--VoilaConfiguration.show_tracebacks=True",
            "--VoilaConfiguration.allow_theme_override=YES",
        ],
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _paths() -> list[str]:
    """Where this Python found what it was told to find beside its own packages."""
    known = os.environ.get("PYTHONPATH")
    return [known] if known else []
