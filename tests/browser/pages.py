"""A notebook in a browser, in JupyterLab and in Voilà: what a test does with either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page

from photoqueue import Settings
from tests.browser.servers import JupyterServer
from tests.conftest import REPOSITORY

#: Where pictures of the page go; not part of the repository.
SCREENSHOTS: Final = REPOSITORY / "out" / "screenshots"

Theme = Literal["light", "dark"]

#: Milliseconds: for the first page of a server, and for a kernel to start or to run cells.
_PAGE_MS: Final = 90_000
_KERNEL_MS: Final = 120_000

_IDLE: Final = """() => {
  const widget = window.jupyterapp?.shell?.currentWidget;
  return widget?.sessionContext?.session?.kernel?.status === "idle"
    && widget.content?.model?.cells?.length > 0;
}"""
_ERRORS: Final = """() => Array.from(
  window.jupyterapp.shell.currentWidget.content.model.cells,
  (cell) => cell.type === "code" ? cell.outputs.toJSON() : [],
).flat().filter((output) => output.output_type === "error")
  .map((output) => output.traceback.join("\\n"))"""
#: Closes what is open, with or without its kernels; false where no JupyterLab is on the page.
_CLOSE: Final = """async (kernelsToo) => {
  const app = window.jupyterapp;
  if (!app) return false;
  for (const widget of Array.from(app.shell.widgets("main"))) widget.dispose();
  if (kernelsToo) await app.serviceManager.sessions.shutdownAll();
  return true;
}"""
_OPEN: Final = """async (path) => {
  // The kernel of this notebook was described only now; one that is not known is asked for.
  await window.jupyterapp.serviceManager.kernelspecs.refreshSpecs();
  const opened = await window.jupyterapp.commands.execute("docmanager:open", { path });
  await opened.context.ready;
  window.jupyterapp.shell.activateById(opened.id);
}"""
_EVALUATE: Final = """async (expression) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const reply = await kernel.requestExecute({
    code: "", store_history: false, user_expressions: { value: expression },
  }).done;
  return reply.content.user_expressions.value;
}"""


class NotebookPage:
    """A page that shows a notebook; its elements are found in ``page`` by role and name.

    Attributes
    ----------
    page : Page
        Playwright's page.
    """

    def __init__(self, page: Page, server: JupyterServer, settings: Settings) -> None:
        self.page = page
        self._server = server
        self._settings = settings
        self._theme: Theme = "light"

    def run_notebook(self, cells: Sequence[str], name: str = "notebook") -> None:
        """Write a notebook of these cells, open it, and run all of them."""
        self.open(self._server.home.write(name, cells, self._settings))

    def open(self, file: str, **query: str) -> None:
        """Open a notebook of the server and run its cells."""
        raise NotImplementedError

    def reload(self) -> None:
        """Load the page anew, as the browser's own button does."""
        self.page.reload(timeout=_PAGE_MS)

    def use_theme(self, theme: Theme) -> None:
        """Switch between light and dark."""
        raise NotImplementedError

    def screenshot(self, name: str, of: Locator | None = None) -> None:
        """Keep a picture of the page, or of one element, as ``out/screenshots/<name>.png``."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        (of or self.page).screenshot(path=SCREENSHOTS / f"{name}.png")


class LabPage(NotebookPage):
    """A notebook in JupyterLab; its kernel lives on when the page is loaded anew."""

    def open(self, file: str, **query: str) -> None:
        """Open a notebook alone on the page, and run its cells.

        A page that shows JupyterLab already is not loaded anew: that takes longer than most tests.
        """
        if not query and self.page.evaluate(_CLOSE, False):
            self.page.evaluate(_OPEN, file)
        else:
            address = urlencode({"token": self._server.token, "reset": "", **query})
            self.page.goto(f"{self._server.url}/doc/tree/{file}?{address}", timeout=_PAGE_MS)
        self.wait_idle()
        self.run_all()

    def clear(self) -> None:
        """Leave JupyterLab as it was opened: light, without notebooks and without kernels."""
        if not self.page.evaluate(_CLOSE, True):
            self.page.goto("about:blank")
        elif self._theme != "light":
            self.use_theme("light")

    def reload(self) -> None:
        super().reload()
        self.wait_idle()

    def run_all(self) -> None:
        """Run all cells; returns when the last one has ended, and fails when one did."""
        self._command("notebook:run-all-cells")
        self.wait_idle()
        errors = self.page.evaluate(_ERRORS)
        assert not errors, "\n".join(errors)

    def run_cell(self, number: int) -> None:
        """Run one cell, counted from 0, and wait for its end."""
        self.page.evaluate(
            "(n) => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = n }", number
        )
        self._command("notebook:run-cell")
        self.wait_idle()

    def wait_idle(self) -> None:
        """Wait until the notebook is there and its kernel has nothing to do."""
        self.page.wait_for_function(_IDLE, timeout=_KERNEL_MS)

    def restart_kernel(self) -> None:
        """Start the kernel anew; cells are not run, their outputs stay."""
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
        )
        self.wait_idle()

    def evaluate(self, expression: str) -> str:
        """Return what an expression is in the kernel, as the text a notebook shows."""
        answer: dict[str, Any] = self.page.evaluate(_EVALUATE, expression)
        assert answer["status"] == "ok", answer
        return str(answer["data"]["text/plain"])

    def save(self) -> None:
        """Save the notebook with its outputs."""
        self._command("docmanager:save")

    def use_theme(self, theme: Theme) -> None:
        self._theme = theme
        name = f"JupyterLab {theme.capitalize()}"
        self._command("apputils:change-theme", {"theme": name})
        self.page.wait_for_function(
            "(name) => document.body.dataset.jpThemeName === name", arg=name, timeout=_PAGE_MS
        )

    def _command(self, command: str, arguments: dict[str, str] | None = None) -> None:
        self.page.evaluate(
            "async ([name, given]) => { await window.jupyterapp.commands.execute(name, given) }",
            [command, arguments or {}],
        )


class VoilaPage(NotebookPage):
    """A notebook served by Voilà; each load of the page has a kernel of its own."""

    def open(self, file: str, **query: str) -> None:
        """Open a notebook as a web page; returns when its cells have run."""
        self._file, self._query = file, query
        address = urlencode({"token": self._server.token, **query})
        self.page.goto(f"{self._server.url}/voila/render/{file}?{address}", timeout=_KERNEL_MS)

    def use_theme(self, theme: Theme) -> None:
        """Open the page anew in this theme."""
        self.open(self._file, **{**self._query, "theme": theme})
