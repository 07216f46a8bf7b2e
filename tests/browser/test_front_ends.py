"""What widgets rely on in both front ends: threads, pages and kernels that come and go."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

import photoqueue
from tests.browser.pages import LabPage, NotebookPage, VoilaPage
from tests.browser.servers import CULL_SECONDS, JupyterServer
from tests.conftest import eventually

#: A widget whose words come from a thread, and whose button talks to the kernel.
CELL = """
import threading
import anywidget, traitlets

class Ticker(anywidget.AnyWidget):
    _esm = '''
    export default { render({ model, el }) {
      const words = document.createElement("span");
      words.setAttribute("role", "status");
      words.setAttribute("aria-label", "Ticks");
      const button = document.createElement("button");
      button.textContent = "Start anew";
      button.onclick = () => model.send({ kind: "anew" });
      const show = () => { words.textContent = model.get("words"); };
      model.on("change:words", show);
      show();
      el.style.color = "var(--jp-ui-font-color1)";
      el.append(words, button);
    } };
    '''
    words = traitlets.Unicode("no tick").tag(sync=True)

    def __init__(self):
        super().__init__()
        self.ticks, self.ended = 0, threading.Event()
        self.on_msg(lambda widget, message, buffers: self.start(message["kind"]))
        self.start("tick")
        threading.Thread(target=self.run, daemon=True).start()

    def start(self, kind):
        self.ticks, self.kind = 0, kind

    def run(self):
        while not self.ended.wait(0.05):
            self.ticks += 1
            self.words = f"{self.kind} {self.ticks}"

ticker = Ticker()
ticker
"""


def expect_ticking(front: NotebookPage, kind: str = "tick") -> None:
    """The words go on without anybody asking for it."""
    status = front.page.get_by_role("status", name="Ticks")
    expect(status).to_contain_text(f"{kind} ", timeout=60_000)
    expect(status).not_to_have_text(status.inner_text())


def test_thread_reaches_jupyterlab_and_survives_a_reload(lab: LabPage) -> None:
    lab.run_notebook([CELL])
    expect_ticking(lab)
    lab.page.get_by_role("button", name="Start anew").click()
    expect_ticking(lab, "anew")
    assert lab.evaluate("ticker.kind") == "'anew'"
    lab.save()
    lab.reload()
    expect_ticking(lab, "anew")


def test_restarted_kernel_leaves_the_widget_dead_until_its_cell_runs_again(lab: LabPage) -> None:
    lab.run_notebook(["import os\nos.getpid()", CELL])
    expect_ticking(lab)
    before = lab.evaluate("os.getpid()")
    lab.restart_kernel()
    assert lab.evaluate("'ticker' in globals()") == "False"
    lab.run_all()
    assert lab.evaluate("os.getpid()") != before
    expect_ticking(lab)


def test_kernel_of_a_notebook_has_the_installation_of_the_test(lab: LabPage) -> None:
    lab.run_notebook(["import photoqueue\nfrom tests.conftest import submit\nsubmit('ok-1')"])
    assert lab.evaluate("photoqueue.history().photo_id.tolist()") == "['ok-1']"
    assert photoqueue.history().photo_id.tolist() == ["ok-1"]


def test_cell_that_fails_is_seen(lab: LabPage) -> None:
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        lab.run_notebook(["1 / 0"])


def test_thread_reaches_voila_and_a_reload_begins_anew(voila: VoilaPage) -> None:
    voila.run_notebook([CELL])
    expect_ticking(voila)
    voila.page.get_by_role("button", name="Start anew").click()
    expect_ticking(voila, "anew")
    voila.reload()
    expect_ticking(voila, "tick")


def test_kernel_of_a_page_that_vanished_ends_although_its_thread_goes_on(
    voila: VoilaPage, voila_server: JupyterServer
) -> None:
    before = voila_server.kernels()
    voila.run_notebook([CELL])
    expect_ticking(voila)
    (kernel,) = set(voila_server.kernels()) - set(before)
    # Longer than a kernel without a page would live.
    voila.page.wait_for_timeout(1000 * (CULL_SECONDS + 5))
    expect_ticking(voila)
    voila.page.close(run_before_unload=False)  # the page says no goodbye
    eventually(lambda: not kernel.is_running(), timeout=60)
    assert "Culling" in voila_server.log


@pytest.mark.parametrize("front", ["lab", "voila"])
def test_dark_theme_reaches_a_widget(front: str, request: pytest.FixtureRequest) -> None:
    shown: NotebookPage = request.getfixturevalue(front)
    shown.run_notebook([CELL])
    colour = "element => getComputedStyle(element).color"
    status = shown.page.get_by_role("status", name="Ticks")
    status.wait_for(timeout=60_000)
    light = status.evaluate(colour)
    shown.use_theme("dark")
    status.wait_for(timeout=60_000)
    assert status.evaluate(colour) != light
    shown.screenshot(f"front-end-{front}-dark")
