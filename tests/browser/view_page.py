"""One view on a page of its own in a real Chromium, without a notebook around it.

The front end runs as it is; its model is a few lines that pass messages to the view in this
process and traits back.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Page

from photoqueue.faces.notebook.review import ReviewView
from photoqueue.faces.notebook.view import LiveView

_MODEL = """
async ([esm, css, state]) => {
  const style = document.createElement("style");
  style.textContent = css;
  document.head.append(style);
  const listeners = [];
  const fire = (event, ...given) => {
    for (const [name, call] of [...listeners]) if (name === event) call(...given);
  };
  const model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; },
    save_changes: () => {},
    on: (name, call) => listeners.push([name, call]), // one name at a time, as in marimo
    off(name, call) {
      const at = listeners.findIndex((one) => one[0] === name && one[1] === call);
      if (at >= 0) listeners.splice(at, 1);
    },
    send: async (message) => {
      const [told, next] = await window.ask(message);
      for (const [content, buffers] of told) {
        const bytes = buffers.map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
        fire("msg:custom", content, bytes.map((one) => new DataView(one.buffer)));
      }
      window.update(next);
    },
  };
  window.update = (next) => {
    const text = JSON.stringify;
    const names = Object.keys(next).filter((name) => text(next[name]) !== text(state[name]));
    Object.assign(state, next);
    for (const name of names) fire(`change:${name}`);
  };
  const file = new Blob([esm], { type: "text/javascript" });
  const widget = await import(URL.createObjectURL(file));
  widget.default.render({ model, el: document.querySelector("main") });
}
"""
#: What JupyterLab says of elements in an output, whatever widget they belong to.
JUPYTERLAB = """
    .jp-OutputArea-output pre { border: none; margin: 0; padding: 0; word-break: break-all; }
    .jp-OutputArea-output dl, .jp-OutputArea-output dt, .jp-OutputArea-output dd { display: block; }
    .jp-OutputArea-output dl { width: 100%; overflow: hidden; padding: 0; margin: 0; }
    .jp-OutputArea-output dt { font-weight: bold; float: left; width: 20%; padding: 0; margin: 0; }
    .jp-OutputArea-output dd { float: left; width: 80%; padding: 0; margin: 0; }
"""
_DARK = """
    :root { --jp-ui-font-color1: #fff; --jp-ui-font-color2: #bdbdbd; --jp-layout-color1: #111;
        --jp-layout-color2: #333; --jp-border-color1: #616161; --jp-content-link-color: #64b5f6; }
    body { background: #111; }
"""


def traits(view: LiveView) -> dict[str, Any]:
    """Return what the front end sees of a view."""
    own = view.trait_names(sync=True)
    return {name: getattr(view, name) for name in own if not name.startswith("_")} | {
        name: None for name in ("layout", "tabbable", "tooltip")
    }


class ViewPage:
    """A page that shows one view; ``page`` is Playwright's."""

    def __init__(self, page: Page, view: LiveView, *, dark: bool = False) -> None:
        self.page = page
        self.view = view
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.set_content(
            f"<!doctype html><html lang=en><title>view</title>"
            f"<style>{JUPYTERLAB}{_DARK if dark else ''}</style>"
            f"<body data-jp-theme-light={str(not dark).lower()}>"
            '<div class="jp-OutputArea-output"><main></main></div>'
        )
        self._told: list[tuple[dict[str, Any], list[str]]] = []
        view.send = self._tell
        page.expose_function("ask", self._answer)
        page.evaluate(_MODEL, [view._esm, view._css, traits(view)])

    def refresh(self) -> None:
        """Let the view read anew, and the page show it."""
        self.view.refresh()
        self.page.evaluate("state => window.update(state)", traits(self.view))

    def _tell(self, content: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        self._told.append((content, [b64encode(bytes(one)).decode() for one in buffers or ()]))

    def _answer(self, message: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return what the view sends for a message, and its traits then."""
        self.view._received(self.view, message, [])
        if isinstance(self.view, ReviewView):
            self.view.wait(60)
        told, self._told = self._told, []
        return told, traits(self.view)
