"""The sheets of the pages: several on one page, among a notebook's own rules, light and dark."""

from __future__ import annotations

import re
from itertools import product

import pytest
from playwright.sync_api import Locator, Page, expect

import photoqueue
from photoqueue.faces.notebook.assembly import ScopeChoice, StatusBar, WorkerNotice
from photoqueue.faces.notebook.charts_view import ChartsView
from photoqueue.faces.notebook.jobs import JobsView
from photoqueue.faces.notebook.pages import style
from photoqueue.faces.notebook.review import ReviewView
from photoqueue.faces.notebook.submit_form import SubmitForm
from photoqueue.faces.notebook.system import SystemView
from photoqueue.faces.notebook.view import LiveView, Scope
from photoqueue.installation import Installation
from tests.bench import Bench
from tests.browser.static_page import DARK
from tests.browser.view_page import JUPYTERLAB, ViewPage
from tests.conftest import submit

PAGES: list[type[LiveView]] = [ReviewView, JobsView, SystemView, ChartsView]
SHEETS = [one._css for one in (*PAGES, ScopeChoice, StatusBar, WorkerNotice, SubmitForm)]
#: What every element of the page looks like.
LOOK = """() => [...document.querySelectorAll("main, main *")].map((element) => {
  const name = `${element.tagName}.${element.className}`;
  const style = getComputedStyle(element);
  return [...style].map((property) => `${name} ${property}: ${style[property]}`);
}).flat()"""
#: What the notebooks of others, and careless authors, say of elements in an output.
RULES = f"""{JUPYTERLAB}
    .jp-OutputArea-output :is(button, input, select, table, caption, h3, h4, p, ul, svg, summary)
      {{ margin: 7px; padding: 9px; color: red; background: lime; float: left; font: 30px serif }}
"""
TEXTS = ("ink", "dim", "accent", "warn", "ok", "bad")
GROUNDS = ("face", "well", "warn-face", "bad-face")


def add_sheet(page: Page, css: str) -> None:
    page.evaluate(
        "(css) => { const one = document.createElement('style'); one.textContent = css;"
        " document.head.append(one); }",
        css,
    )


def changed(page: Page, *sheets: str) -> list[str]:
    """Return what more sheets change on the page."""
    before: list[str] = page.evaluate(LOOK)
    for css in sheets:
        add_sheet(page, css)
    after = page.evaluate(LOOK)
    assert len(after) == len(before) > 1000
    return [f"{one} → {other}" for one, other in zip(before, after, strict=True) if one != other]


@pytest.fixture
def shown(page: Page, installation: Installation, request: pytest.FixtureRequest) -> Page:
    """Show one page with a job, its photo and its room, opened."""
    bench = Bench(installation)
    job = submit("p1", project_id="m1", room="salon")
    bench(job)
    bench(photoqueue.submit_inventory("m1"))
    view = request.param(Scope(project="m1"))
    view.driven_by(lambda: None)  # so that it does not read anew by itself
    if isinstance(view, JobsView):
        view.selected = job.id
    view.refresh()
    ViewPage(page, view)
    expect(page.locator("main *").first).to_be_attached()
    if isinstance(view, ReviewView):
        page.get_by_role("button", name="1 × ").first.click()
    return page


@pytest.mark.parametrize("shown", PAGES, indirect=True)
def test_sheets_of_later_widgets_change_nothing_of_an_earlier_one(shown: Page) -> None:
    assert changed(shown, *SHEETS) == []


@pytest.mark.parametrize("shown", PAGES, indirect=True)
def test_rules_of_the_notebook_do_not_reach_into_a_page(shown: Page) -> None:
    assert changed(shown, RULES) == []


def tokens(page: Page, dark: bool, host: str) -> Locator:
    page.set_content(
        f"<!doctype html><style>{style()}{host}</style>"
        f"<body data-jp-theme-light='{str(not dark).lower()}'><main class='pq'></main>"
    )
    return page.locator("main")


def colour(of: Locator, name: str) -> tuple[float, ...]:
    """Return a token's colour as it is painted: red, green and blue in 0…1, opaque."""
    painted: list[float] = of.evaluate(
        """(main, name) => {
          const canvas = document.createElement("canvas").getContext("2d");
          for (const token of ["face", name]) {
            main.style.color = `var(--pq-${token})`;
            canvas.fillStyle = getComputedStyle(main).color;
            canvas.fillRect(0, 0, 1, 1);
          }
          return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255);
        }""",
        name,
    )
    return tuple(painted)


def luminance(colour: tuple[float, ...]) -> float:
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    less, more = sorted((luminance(one), luminance(other)))
    return (more + 0.05) / (less + 0.05)


#: The variables of JupyterLab's own light theme; ``DARK`` has those of its dark one.
LIGHT = ":root { --jp-ui-font-color1: rgb(0 0 0 / 87%); --jp-layout-color1: #fff; }"


@pytest.mark.parametrize(
    ("dark", "host"), [(False, ""), (True, ""), (False, LIGHT), (True, DARK)], ids=str
)
def test_texts_have_contrast_on_every_ground(page: Page, dark: bool, host: str) -> None:
    main = tokens(page, dark, host)
    found = {name: colour(main, name) for name in (*TEXTS, *GROUNDS, "on-accent", "on-thing")}
    pairs = [*product(TEXTS, GROUNDS), ("on-accent", "accent")]
    low = {
        (text, ground): round(contrast(found[text], found[ground]), 2)
        for text, ground in pairs
        if contrast(found[text], found[ground]) < 4.5
    }
    assert low == {}
    for number in range(12):
        assert contrast(colour(main, f"c{number}"), found["on-thing"]) >= 4.5
    assert (luminance(found["face"]) < 0.1) is dark


@pytest.mark.parametrize(
    ("dark", "host"), [(False, ""), (True, ""), (False, LIGHT), (True, DARK)], ids=str
)
def test_graphics_have_contrast(page: Page, dark: bool, host: str) -> None:
    """Icons of states, the ring of the focus, borders of fields, and bars of progress."""
    main = tokens(page, dark, host)
    lines = ("accent", "ok", "bad", "warn", "dim")
    pairs = [*product((*lines, "edge"), ("face", "well")), ("accent", "line")]
    low = {
        (line, ground): round(contrast(colour(main, line), colour(main, ground)), 2)
        for line, ground in pairs
        if contrast(colour(main, line), colour(main, ground)) < 3
    }
    assert low == {}


def test_boxes_are_seen_on_any_picture() -> None:
    """A box's line or its halo differs from what is around it, or both from one another."""
    (halo,) = re.findall(r"\.pq-box \{[^}]*?box-shadow: 0 0 0 1px #([0-9a-f]{8})", ReviewView._css)
    *dark, share = (int(halo[at : at + 2], 16) / 255 for at in (0, 2, 4, 6))
    kinds = [
        tuple(int(shade[at : at + 2], 16) / 255 for at in (0, 2, 4))
        for shade in re.findall(r"--pq-c\d+: #([0-9a-f]{6});", style())
    ]
    assert len(kinds) == 12
    for grey, line in product(range(0, 101, 5), kinds):
        ground = (grey / 100,) * 3
        around = tuple(share * part + (1 - share) * grey / 100 for part in dark)
        seen = (contrast(line, ground), contrast(line, around), contrast(around, ground))
        assert max(seen) >= 3, (grey, line)


def test_twelve_kinds_of_things_have_colours_of_their_own() -> None:
    kinds = re.findall(r"--pq-c(\d+): (#[0-9a-f]{6});", style())
    assert [int(number) for number, _ in kinds] == list(range(12))
    assert len({shade for _, shade in kinds}) == 12
