"""A plain page in a real Chromium: one widget, and a model that stands in for the kernel.

What the widget sends lies in ``window.model.sent``; what a kernel would change is set with
:meth:`StaticPage.change`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Some of JupyterLab's variables in its dark theme.
DARK = """
    :root { color-scheme: dark; --jp-ui-font-color1: rgb(255 255 255 / 87%);
    --jp-ui-font-color2: rgb(255 255 255 / 64%);
    --jp-layout-color1: #212121; --jp-layout-color2: #424242; --jp-border-color1: #616161;
    --jp-content-link-color: #64b5f6; }
    body { background: #212121; }
"""

_MODEL = """
    (state) => {
        const revive = (value) => {
            if (typeof value?.$bytes !== "string") return value;
            return new DataView(Uint8Array.from(atob(value.$bytes), (c) => c.charCodeAt(0)).buffer);
        };
        const values = new Map(Object.entries(state).map(([k, v]) => [k, revive(v)]));
        const handlers = new Map();
        const of = (name) => handlers.get(name) ?? [];
        const call = (name, ...given) => [...of(name)].forEach((f) => f(...given));
        window.model = {
            sent: [], buffers: [], saved: 0,
            get: (name) => values.get(name),
            set(name, value) {
                if (Object.is(values.get(name), value)) return;
                values.set(name, value);
                call(`change:${name}`);
            },
            save_changes() { this.saved += 1; },
            // One name at a time, as in marimo.
            on: (name, f) => handlers.set(name, [...of(name), f]),
            off() {},
            send(content, _callbacks, buffers = []) {
                this.sent.push(content);
                this.buffers.push(buffers);
                window.kernel?.(content, buffers);
            },
            change(changes) {
                for (const [k, v] of Object.entries(changes)) values.set(k, revive(v));
                for (const k of Object.keys(changes)) call(`change:${k}`);
            },
            tell: (content, buffers = []) => call("msg:custom", content, buffers),
        };
    }
"""

_SHOW = """
    async (source) => {
        const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
        const { default: widget } = await import(address);
        await widget.initialize?.({ model: window.model });
        await widget.render({ model: window.model, el: document.getElementById("widget") });
    }
"""


class StaticPage:
    """The widget on its page; ``page`` is Playwright's."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def show(
        self,
        source: str,
        css: str,
        state: dict[str, Any],
        *,
        dark: bool = False,
        before: tuple[str, Any] | None = None,
    ) -> None:
        """Show a widget; ``before`` is a function, and its argument, to run with the model."""
        self.page.set_content(
            "<!doctype html><meta charset='utf-8'><title>widget</title>"
            f"<style>{css}{DARK if dark else ''}</style><div id='widget'></div>"
        )
        self.page.evaluate(_MODEL, _sendable(state))
        if before:
            self.page.evaluate(*before)
        self.page.evaluate(_SHOW, source)

    def change(self, **changes: Any) -> None:
        """Change traits as the kernel does: all of them, then their events."""
        self.page.evaluate("(changes) => model.change(changes)", _sendable(changes))

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message as the kernel does."""
        self.page.evaluate("(message) => model.tell(message)", message)

    def get(self, name: str) -> Any:
        return self.page.evaluate("(name) => model.get(name)", name)

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What the widget sent since this was last asked for."""
        sent: list[dict[str, Any]] = self.page.evaluate("() => model.sent.splice(0)")
        return sent


def _sendable(state: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"$bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
        for name, value in state.items()
    }


@contextmanager
def static_pages(chromium: Browser, **options: Any) -> Iterator[StaticPage]:
    """Open a page of one's own; errors of its scripts fail the test."""
    errors: list[str] = []
    page = chromium.new_page(**{"viewport": {"width": 1100, "height": 800}, **options})
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.set_default_timeout(15_000)
    yield StaticPage(page)
    page.close()
    assert errors == []
