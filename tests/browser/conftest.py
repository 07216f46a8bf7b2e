"""A real JupyterLab, a real Voilà, and a headless Chromium that looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

from photoqueue.installation import Installation
from tests.browser.chromium import MISSING, find_chromium
from tests.browser.servers import JupyterHome, JupyterServer, start_lab, start_voila

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.browser.pages import LabPage, VoilaPage

#: Lets the browser reach this machine only. (Playwright's own routes would do so as well, but
#: keep it from caching, and JupyterLab's 20 MB of scripts would be read anew for each page.)
_NOWHERE_ELSE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
#: How the browser of somebody looks.
AS_A_PERSON: Final[Any] = {"viewport": {"width": 1400, "height": 900}, "locale": "en-GB"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark these tests, and give them the time that front ends take."""
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(300))


# For this package only: while Playwright runs, no test can run an event loop of its own.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Start a Chromium without windows."""
    program = find_chromium()
    if program is None:
        pytest.skip(MISSING)
    pytest.importorskip("playwright.sync_api", reason="needs playwright")
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        # Without its sandbox, as root may not have one; it only sees pages of these tests.
        browser = playwright.chromium.launch(
            executable_path=program,
            # A graphics processor that is only imitated takes more time than none.
            args=["--no-sandbox", "--disable-gpu", _NOWHERE_ELSE],
        )
        # Generous: a page must get there, however busy the machine is.
        expect.set_options(timeout=30_000)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def jupyter_home() -> Iterator[JupyterHome]:
    home = JupyterHome()
    yield home
    home.remove()


@pytest.fixture(scope="package")
def lab_server(chromium: Browser, jupyter_home: JupyterHome) -> Iterator[JupyterServer]:
    server = start_lab(jupyter_home)
    yield server
    server.stop()


@pytest.fixture(scope="package")
def voila_server(chromium: Browser, jupyter_home: JupyterHome) -> Iterator[JupyterServer]:
    server = start_voila(jupyter_home)
    yield server
    server.stop()


@pytest.fixture(scope="package")
def person(chromium: Browser) -> Iterator[BrowserContext]:
    """Be one person with one browser, who looks at many pages."""
    context = chromium.new_context(**AS_A_PERSON)
    yield context
    context.close()


@pytest.fixture
def page(person: BrowserContext) -> Iterator[Page]:
    """Open an empty page, without a memory of others but for what the browser caches."""
    page = person.new_page()
    yield page
    for other in person.pages:
        other.close()
    person.clear_cookies()
    person.clear_permissions()


@pytest.fixture(scope="package")
def lab_page(chromium: Browser, lab_server: JupyterServer) -> Iterator[Page]:
    """Open the page on which JupyterLab stays, from one test to the next."""
    page = chromium.new_page(**AS_A_PERSON)
    yield page
    page.context.close()


@pytest.fixture
def lab(lab_page: Page, lab_server: JupyterServer, installation: Installation) -> Iterator[LabPage]:
    """Return a page of JupyterLab whose kernels use the test's installation."""
    from tests.browser.pages import LabPage

    lab = LabPage(lab_page, lab_server, installation.settings)
    yield lab
    lab.clear()


@pytest.fixture
def voila(page: Page, voila_server: JupyterServer, installation: Installation) -> VoilaPage:
    """Return a page of Voilà whose kernels use the test's installation."""
    from tests.browser.pages import VoilaPage

    return VoilaPage(page, voila_server, installation.settings)
