"""Reports of projects: what they say, for whom, and what they refuse."""

from __future__ import annotations

import html
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from PIL import Image

from photoqueue import (
    PhotoResult,
    Report,
    Settings,
    estimate,
    read_inventory,
    report,
    review,
    submit_inventory,
)
from photoqueue.errors import (
    ConfigurationError,
    NotFoundError,
    PayloadError,
    StateError,
    UnknownProjectError,
)
from photoqueue.faces.report.document import _pdf
from photoqueue.faces.report.process import report_file
from photoqueue.faces.report.words import languages
from photoqueue.installation import Installation, current, use
from photoqueue.inventory.estimate_words import _texts
from photoqueue.inventory.volumes import LORRIES
from photoqueue.phrases import FRENCH
from photoqueue.records.base import Box
from photoqueue.records.results import FoundItem
from tests.bench import Bench
from tests.conftest import shell, submit
from tests.integration.conftest import Run

#: What writes PDF loads them from the system.
needs_pango = pytest.mark.skipif(
    find_library("pangoft2-1.0") is None, reason="needs libpango-1.0-0 and libpangoft2-1.0-0"
)
LEFT: Box = (0.1, 0.1, 0.4, 0.5)
RIGHT: Box = (0.6, 0.1, 0.9, 0.5)
#: Photo ids, content hashes and UUIDs, or the beginnings of them.
ID = re.compile(r"[0-9a-f]{12,}|[0-9a-f]{8}-[0-9a-f]{4}")


def seen(key: str | None, box: Box | None = None, **values: Any) -> FoundItem:
    given = {"name": key, "category": "furniture", "dismountable": False, **values}
    return FoundItem(key=key, box=box, **given)


class Move:
    """A project whose photos show what a test says."""

    def __init__(self, installation: Installation, project: str = "m1") -> None:
        self.bench = Bench(installation)
        self.project = project

    def analyse(self, photo: str, items: Sequence[FoundItem], room: str | None = "salon") -> None:
        result = PhotoResult(
            photo_id=photo, items=tuple(items), room_type="salon", confidence=0.9, engine="scripted"
        )
        job = submit(photo, project_id=self.project, room=room)
        self.bench(job, lambda analyse: lambda claim, calls: result.to_json())

    def add_up(self) -> None:
        self.bench(submit_inventory(self.project))


def move_of(installation: Installation) -> Move:
    """Two photos of a salon, each of the same chair, and one of a kitchen; added up."""
    made = Move(installation)
    made.analyse("s1", [seen("chair", LEFT), seen("chair", RIGHT), seen("television", LEFT)])
    made.analyse("s2", [seen("chair", RIGHT), seen("desk", LEFT, score=0.3)])
    made.analyse("k1", [seen("refrigerator", LEFT)], room="kitchen")
    made.add_up()
    return made


@pytest.fixture
def move(installation: Installation) -> Move:
    """A project of the test's own, to edit."""
    return move_of(installation)


@pytest.fixture(scope="module")
def _known(shared: Settings) -> Iterator[None]:
    use(shared)
    move_of(current())
    yield
    use(None)


@pytest.fixture
def known(shared: Settings, _known: None) -> Iterator[None]:
    """The same project for all tests that only read it."""
    use(shared)
    yield
    use(None)


def text_of(made: Report) -> str:
    """Return what a reader sees of the HTML, without pictures and fonts."""
    body = made.html.partition("<body>")[2]
    plain = re.sub(r'"data:[^"]*"|<[^>]*>', " ", body)
    return re.sub(r"\s+", " ", html.unescape(plain).replace("\u00a0", " "))


def with_settings(**changes: Any) -> None:
    use(current().settings.model_copy(update=changes))


def test_report_lists_rooms_things_and_what_to_look_at(known: None) -> None:
    made = report("m1")
    assert repr(made) == "<Report of m1: draft, 5 things, 2.41 m³>"
    said = text_of(made)
    assert "Volume survey and estimate not a quote" in said
    assert "2 rooms are not reviewed" in said
    assert "5 gaps are not acknowledged" in said
    assert "scripted (3 photos)" in said
    assert "no photo of cellar not acknowledged" in said
    assert "only one photo of kitchen not acknowledged" in said
    assert "seen with little certainty (0.30)" in said
    # Two chairs are one line with two letters, the others have none.
    labels = re.findall(r"<text [^>]*>(\w+)</text>", made.html)
    assert sorted(labels) == ["1", "1A", "1A", "1B", "2", "3"]


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", "in 8 of 10 moves"), ("fr", "dans 8 déménagements sur 10")],
)
def test_report_gives_the_range_of_the_inventory_and_says_what_it_means(
    known: None, lang: str, words: str
) -> None:
    made, found = report("m1", lang=lang), read_inventory("m1")
    said = text_of(made)
    low, high = (
        f"{end:.1f}".replace(".", "," if lang == "fr" else ".")
        for end in (found.total_volume_min, found.total_volume_max)
    )
    assert re.search(rf"{low} \S+ {high} m³ {words}", said)
    # On the cover of things and of what is to load, above those of rooms, in the working.
    assert said.count(words) == 4
    rooms = openpyxl.load_workbook(io.BytesIO(made.xlsx())).worksheets[1]
    assert sum(str(cell.value).endswith(words) for cell in rooms[4]) == 2


def test_estimate_is_in_the_report_with_its_working(known: None) -> None:
    terms: dict[str, Any] = {
        "access": [{"floor": 3}, {"floor": 0}],
        "vehicles": [{"name": EVIL, "volume": 20, "payload": 900}],
        "rates": {"currency": "EUR", "vat": 20, "per_hour": "34.90"},
    }
    made = estimate("m1", **terms, lang="fr")
    assert made.price
    printed = report("m1", estimate=made)
    assert printed.lang == "fr"
    said = text_of(printed)
    total = f"{made.price.total:,}".replace(",", "\u202f").replace(".", ",")
    assert f"{total} EUR" in said
    assert "TVA 20 %" in said
    assert "<script" not in printed.html
    for line in made.working:
        assert line.what in said
    book = openpyxl.load_workbook(io.BytesIO(printed.xlsx()))
    figures = {row[0].value: row[2].value for row in book["Estimation"].iter_rows(min_row=5)}
    assert figures["Total"] == float(made.price.total)
    imperial = text_of(report("m1", estimate=estimate("m1", units="imperial")))
    assert "ft³" in imperial
    assert "m³" not in imperial.partition("Figures with their working")[0]
    assert "Without rates there is no price." in imperial


def test_estimate_must_be_of_the_project_and_in_its_language(known: None) -> None:
    made = estimate("m1", lang="fr")
    with pytest.raises(PayloadError, match=r"in 'fr', the report .* estimate\('m1', lang='en'\)"):
        report("m1", lang="en", estimate=made)


def test_estimate_of_an_earlier_state_makes_a_draft(move: Move) -> None:
    made = estimate("m1")
    review("m1", user_id="ana").remove(review("m1").items()["item_id"].iloc[0])
    assert "the estimate is of an earlier state" in " ".join(report("m1", estimate=made).drafts)
    assert not any("estimate" in why for why in report("m1").drafts)


def test_estimate_from_before_a_review_makes_a_draft_until_it_is_undone(move: Move) -> None:
    made, ana = estimate("m1"), review("m1", user_id="ana")
    edit = ana.reviewed("salon")  # what the estimate says of its range and of the rooms is old
    assert "the estimate is of an earlier state" in " ".join(report("m1", estimate=made).drafts)
    ana.undo(edit.number)
    assert not any("estimate" in why for why in report("m1", estimate=made).drafts)


def test_engine_that_saw_all_photos_of_a_room_is_named(installation: Installation) -> None:
    with_settings(engine="tests.engines:room_scripted")
    made = Move(current())
    made.analyse("s1", [seen("chair")])
    made.bench(submit_inventory("m1", strategy="llm"))
    said = text_of(report("m1"))
    assert "room-scripted" in said.partition("Reviewed by")[0]
    assert "scripted (1 photo)" in said


def test_report_is_in_french_throughout(known: None) -> None:
    said = text_of(report("m1", lang="fr"))
    assert "Relevé de volume et estimation ne vaut pas devis" in said
    for french in ("chaise", "réfrigérateur", "aucune photo : cave", "2,41 m³", "fragile"):
        assert french in said
    assert "vu avec peu de certitude (0,30)" in said
    english = r"\b(the|and|seen|room|rooms|chair|reviewed|not|with|things?)\b"
    assert re.findall(english, said) == []


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_report_has_no_hash_and_no_file_name(known: None, lang: str) -> None:
    made = report("m1", lang=lang)
    assert ID.findall(re.sub(r"data:[^\s\")]*", "", made.html)) == []
    book = openpyxl.load_workbook(io.BytesIO(made.xlsx()))
    cells = [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row]
    assert [cell for cell in cells if ID.search(cell)] == []
    assert not any(name in text_of(made) for name in ("s1", "k1"))


def test_report_is_final_when_all_is_reviewed_and_acknowledged(move: Move) -> None:
    ana = review("m1", user_id="ana")
    for room in ("salon", "kitchen"):
        ana.reviewed(room)
    for gap in ana.gaps()["gap"]:
        ana.acknowledge(gap)
    made = report("m1")
    assert (made.final, made.drafts) == (True, ())
    said = text_of(made)
    assert "ana (2 rooms)" in said
    assert "no photo of cellar acknowledged by ana" in said
    assert "seen with little certainty" not in said
    ana.undo()
    assert report("m1").drafts == ("1 gap is not acknowledged",)


def test_gaps_are_edits_that_can_be_undone(move: Move, run: Run, api: httpx.Client) -> None:
    ana = review("m1", user_id="ana")
    edit = ana.acknowledge("one-photo:kitchen")
    assert edit.words() == "only one photo of kitchen: acknowledged"
    with pytest.raises(StateError, match=rf"ana has acknowledged .*undo\({edit.number}\)"):
        ana.acknowledge("one-photo:kitchen")
    with pytest.raises(NotFoundError, match=r"no gap 'no-photo:moon'. Its gaps: no-photo:cellar"):
        ana.acknowledge("no-photo:moon")
    move.analyse("k2", [seen("oven")], room="kitchen")
    assert "one-photo:kitchen" not in set(ana.gaps()["gap"])
    assert run("edit", "m1", "acknowledge", "no-photo:attic", "--user", "ben").code == 0
    body = {"verb": "acknowledge", "userId": "cy", "gap": "no-photo:garage"}
    assert api.post("/api/projects/m1/edits", json=body).status_code == 201
    listed = api.get("/api/projects/m1/items").json()["gaps"]
    by = {gap["gap"]: gap.get("acknowledged") for gap in listed}
    assert by == {
        "no-photo:cellar": None,
        "no-photo:attic": "ben",
        "no-photo:garage": "cy",
        "no-photo:balcony": None,
    }


def test_cover_names_photos_that_failed_and_what_stays(move: Move) -> None:
    failing = submit("permanent-1", project_id="m1", room="hall")
    with pytest.raises(Exception, match="never be analysed"):
        move.bench(failing)
    submit("waits-1", project_id="m1", room="hall")
    items = review("m1").items().set_index("name")["item_id"]
    review("m1", user_id="ana").stays(items["refrigerator"])
    made = report("m1")
    said = text_of(made)
    assert "2 photos are not in it" in said
    assert "1 photo could not be analysed (hall)" in said
    assert "1 photo is not analysed yet (hall)" in said
    assert re.search(r"What stays .* kitchen refrigerator 1 ", said)
    assert not made.final


def test_project_must_be_known_and_added_up(installation: Installation) -> None:
    with pytest.raises(UnknownProjectError):
        report("m1")
    Move(installation).analyse("s1", [])
    with pytest.raises(NotFoundError, match="not added up yet"):
        report("m1")


def test_project_whose_photos_all_failed_says_so(installation: Installation) -> None:
    made = Move(installation)
    for job in (submit("permanent-1", project_id="m1", room="hall"), submit_inventory("m1")):
        with pytest.raises(Exception, match=r"never be analysed|nothing to add up"):
            made.bench(job)
    for attempt in (report, estimate):
        with pytest.raises(NotFoundError, match=r"adding it up failed: .*1 photo failed.*Retry"):
            attempt("m1")


def test_room_in_which_nothing_is_found_is_said(installation: Installation) -> None:
    made = Move(installation)
    made.analyse("s1", [])
    made.add_up()
    said = text_of(report("m1"))
    assert "nothing found in salon" in said
    assert "Nothing is listed for this room." in said


EVIL = '<script>alert("x")</script>'
FORMULA = '=HYPERLINK("http://x","y")'
HEBREW, ARABIC = "ארון בגדים", "خزانة ملابس"
#: Turns the text behind it around, for readers only.
TURNED = "desk\u202ekcab"


@pytest.fixture
def odd(installation: Installation) -> Move:
    """A project whose names are markup, formulas and right-to-left texts."""
    made = Move(installation, f"{EVIL} {HEBREW}")
    names = [EVIL, FORMULA, HEBREW, ARABIC, TURNED, "{{ 7 * 7 }}", "x" * 300]
    for number, room in enumerate((EVIL, FORMULA, ARABIC)):
        items = [seen(None, LEFT, name=name, volume=0.5) for name in names]
        made.analyse(f"p{number}", items, room=room)
    made.add_up()
    review(made.project, user_id=EVIL).reviewed(EVIL)
    return made


def test_names_are_texts_and_nothing_else(odd: Move, installation: Installation) -> None:
    with_settings(report_company=FORMULA)
    made = report(odd.project)
    assert "<script" not in made.html
    assert "&lt;script&gt;" in made.html
    assert "{{ 7 * 7 }}" in made.html
    assert "\u202e" not in made.html
    assert HEBREW in made.html
    assert ARABIC in made.html
    book = openpyxl.load_workbook(io.BytesIO(made.xlsx()))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr", "n"}
    formulas = [cell for cell in cells if str(cell.value).startswith("=")]
    assert formulas
    assert all(cell.quotePrefix for cell in formulas)


ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (ENDLESS, "took more than 2 s"),
        ("{{ 'x' * 9_000_000_000 }}", "MemoryError"),
        ("x" * 5_000_001, "more than 5,000,000 characters"),
        ("{{ report.nothing }}", "nothing"),
    ],
)
def test_template_of_a_company_cannot_hold_up_a_server(
    template: str, why: str, known: None, tmp_path: Path
) -> None:
    file = tmp_path / "report.j2"
    file.write_text(template)
    with_settings(report_template=file)
    with pytest.raises(ConfigurationError, match=why):
        report_file("m1", "html", estimate("m1"), seconds=2 if template == ENDLESS else 120)


def test_file_from_a_process_of_its_own_is_that_of_the_report(known: None) -> None:
    name, content = report_file("m1", "html", estimate("m1", lang="fr"))
    assert name == "report-m1.html"
    assert content.decode() == report("m1", lang="fr", estimate=estimate("m1", lang="fr")).html


def english() -> set[str]:
    """Give what is said in English alone, divided at the values that are put in."""
    texts = [*FRENCH, *(text["en"] for text in _texts().values())]
    texts += [lorry.name_en for lorry in LORRIES if lorry.name_en != "van"]
    own = [*FRENCH.values(), *(text["fr"] for text in _texts().values())]
    for words, into in ((languages()["en"], texts), (languages()["fr"], own)):
        for value in words.values():
            into += value if isinstance(value, list) else [value]
    known = " ".join(own).casefold()
    parts = {part.strip(" .,:;()") for text in texts for part in re.split(r"{.*?}", text)}
    return {part.casefold() for part in parts if len(part) > 4} - {
        part.casefold() for part in parts if part.casefold() in known
    }


def test_nothing_is_english_where_french_is_asked_for(
    known: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = {"currency": "EUR", "vat": "20", "per_m3": "40"}
    made = estimate("m1", lang="fr", rates=rates)
    terms = tmp_path / "rates.toml"
    terms.write_text('rates = {currency = "EUR", vat = "20", per_m3 = "40"}')
    inventory = read_inventory("m1")
    written = report("m1", lang="fr", estimate=made)
    said = [made._repr_html_(), written.html.partition("<body>")[2]]
    said.append(inventory.export(tmp_path / "i.csv", lang="fr").read_text(encoding="utf-8-sig"))
    sheets = [inventory.export(tmp_path / "i.xlsx", lang="fr"), written.save(tmp_path / "r.xlsx")]
    for path in sheets:
        book = openpyxl.load_workbook(path)
        said += [" ".join(book.sheetnames)]
        said += [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row]
    capsys.readouterr()
    for command in (
        ("estimate", "m1", "--terms", str(terms)),
        ("report", "m1", "--output", str(tmp_path / "r.html")),
        ("catalogue", "chaise"),
    ):
        assert shell(*command, "--lang", "fr") == 0
        said += capsys.readouterr()
    # Why a line is to check is in the language of the inventory, and not a part of its export.
    reasons = {line.reason for line in inventory.lines if line.reason}
    text = re.sub(r'"data:[^"]*"|<style>.*?</style>|<[^>]*>', " ", " \n ".join(said)).casefold()
    for reason in reasons:
        text = text.replace(reason.casefold(), " ")
    found = [part for part in english() if re.search(rf"\b{re.escape(part)}\b", text)]
    assert not found


@needs_pango
def test_names_are_printed_whatever_their_script(odd: Move) -> None:
    pdf = report(odd.project).pdf()
    if shutil.which("pdftotext"):
        said = pdf_text(pdf)
        assert "alert" in said
        assert HEBREW in said or HEBREW[::-1] in said


def pdf_text(pdf: bytes) -> str:
    command = ["pdftotext", "-layout", "-", "-"]
    return subprocess.run(command, input=pdf, capture_output=True, check=True).stdout.decode()


def test_excel_file_is_ready_to_filter_and_print(known: None) -> None:
    made = report("m1", lang="fr")
    book = openpyxl.load_workbook(io.BytesIO(made.xlsx()))
    assert book.sheetnames == ["Inventaire", "Pièces", "Lacunes", "Estimation"]
    sheet = book["Inventaire"]
    assert sheet["A1"].value == "Relevé de volume et estimation, ne vaut pas devis"
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=4)]
    listed = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    assert [(row["Pièce"], row["Objet"], row["Nombre"]) for row in listed] == [
        ("kitchen", "réfrigérateur", 1),
        ("salon", "bureau", 1),
        ("salon", "chaise", 2),
        ("salon", "télévision", 1),
    ]
    assert sum(row["Volume m³"] for row in listed) == pytest.approx(2.41)
    assert sheet.auto_filter.ref == f"A4:{sheet.dimensions.split(':')[1]}"
    assert sheet.freeze_panes == "A5"
    assert sheet.print_title_rows == "$4:$4"
    total = [cell.value for cell in list(book["Pièces"].iter_rows())[-1]]
    assert total[:6] == ["Total", None, None, 3, 5, 2.41]
    assert book["Pièces"].cell(book["Pièces"].max_row, 1).font.bold
    figures = {row[0].value: row[2].number_format for row in book["Estimation"].iter_rows()}
    assert (figures["cartons encore à remplir"], figures["personnes"]) == ("#,##0", "#,##0")
    assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)


def test_logo_and_name_of_the_company_are_on_the_cover(known: None, tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    Image.new("RGBA", (900, 300), (10, 90, 160, 128)).save(logo)
    with_settings(report_logo=logo, report_company="Déménagements Müller & Fils")
    made = report("m1")
    assert "Déménagements Müller &amp; Fils" in made.html
    (source,) = re.findall(r'<img src="(data:image/png;base64,[^"]+)" alt="Dém', made.html)
    assert len(source) < 40_000


@pytest.mark.parametrize("content", [b"<svg/>", b"", None])
def test_logo_that_is_no_picture_is_refused(
    known: None, tmp_path: Path, content: bytes | None
) -> None:
    logo = tmp_path / "logo.png"
    if content is not None:
        logo.write_bytes(content)
    with_settings(report_logo=logo)
    with pytest.raises(ConfigurationError, match=r"PHOTOQUEUE_REPORT_LOGO names .*logo.png"):
        report("m1")


def test_company_can_replace_the_template(
    odd: Move, installation: Installation, tmp_path: Path
) -> None:
    own = tmp_path / "own.html.j2"
    own.write_text("<p>{{ report.project }}: {{ say.volume(report.total.volume) }}</p>")
    with_settings(report_template=own)
    written = report(odd.project).html
    assert written.startswith("<p>&lt;script&gt;")
    assert written.endswith("10.50\u00a0m³</p>")


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ report.project }}\n{{ report.nothing }}", "UndefinedError: .*nothing"),
        ("<p>\n{% for x in %}", "line 2, .*TemplateSyntaxError"),
        ("{{ say('nothing') }}", "KeyError"),
        ("{{ report._reading }}", "SecurityError|UndefinedError"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{% for n in range(10 ** 9) %}{% endfor %}", "OverflowError"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "RecursionError"),
    ],
)
def test_template_that_cannot_be_used_is_named(
    known: None, tmp_path: Path, template: str, told: str
) -> None:
    own = tmp_path / "own.html.j2"
    own.write_text(template)
    with_settings(report_template=own)
    with pytest.raises(ConfigurationError, match=rf"own.html.j2.*{told}"):
        report("m1")


@needs_pango
def test_pdf_holds_the_report_on_a4_and_needs_no_font_of_the_machine(
    known: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "fonts.conf"
    empty.write_text(f"<fontconfig><cachedir>{tmp_path}/cache</cachedir></fontconfig>")
    monkeypatch.setenv("FONTCONFIG_FILE", str(empty))  # read anew for each document
    pdf = report("m1", lang="fr").pdf()
    assert pdf.startswith(b"%PDF-")
    if shutil.which("pdfinfo"):
        told = subprocess.run(["pdfinfo", "-"], input=pdf, capture_output=True, check=True).stdout
        assert b"(A4)" in told
        said = pdf_text(pdf)
        assert "Relevé de volume et estimation" in said
        assert "réfrigérateur" in said


@needs_pango
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/x.png", "file:///etc/hostname", "ftp://x/y"]
)
def test_pdf_reads_nothing_outside_of_the_report(address: str) -> None:
    for part in (f'<img src="{address}">', f"<style>@import url({address});</style>"):
        with pytest.raises(ConfigurationError, match="refers to something outside"):
            _pdf(f"<!doctype html>{part}<p>x</p>")


def test_without_pango_the_error_names_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: Any) -> None:
        raise OSError("cannot load library libpango-1.0-0")

    for name in [name for name in sys.modules if name.partition(".")[0] == "weasyprint"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("cffi.FFI.dlopen", missing)
    with pytest.raises(ConfigurationError, match="PDF needs the libraries Pango") as told:
        _pdf("<p>")
    assert "apt-get install libpango-1.0-0" in str(told.value)
    assert len(str(told.value).splitlines()) == 1
    assert capfd.readouterr() == ("", "")


def test_without_pdf_the_report_is_given_as_html(
    known: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(ConfigurationError, match=r"photoqueue\[report\].*The report is in .*m1.ht"):
        report("m1").save(tmp_path / "m1.pdf")
    assert "Volume survey" in (tmp_path / "m1.html").read_text()
    assert not (tmp_path / "m1.pdf").exists()
    done = run("report", "m1", "--output", tmp_path / "shell.pdf")
    assert done.code == 78
    assert "shell.html" in done.err


def test_files_are_new_and_have_known_endings(known: None, tmp_path: Path) -> None:
    made = report("m1")
    path = made.save(tmp_path / "m1.html")
    with pytest.raises(StateError, match="not overwritten"):
        made.save(path)
    with pytest.raises(PayloadError, match="Unknown format 'docx'"):
        made.save(tmp_path / "m1.docx")
    assert made.file("html") == ("report-m1.html", made.html.encode())
    assert made.file("xlsx")[0] == "report-m1.xlsx"


def test_report_of_the_shell(
    known: None, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("report", "m1", "--lang", "fr")
    assert done.code == 0
    assert re.sub(r"\s+", " ", done.out).endswith("report-m1.html est écrit : provisoire. ")
    assert "Provisoire : 2 pièces ne sont pas vérifiées." in done.err
    assert "photoqueue edit m1 acknowledge 'no-photo:cellar'" in re.sub(r"\s+", " ", done.err)
    assert "Relevé" in (tmp_path / "report-m1.html").read_text()
    done = run("report", "m1", "--format", "xlsx", "--output", "x.xlsx", "--json")
    told = json.loads(done.out)
    assert (told["file"], told["final"]) == (str(tmp_path / "x.xlsx"), False)
    assert told["gaps"][0] == "no-photo:cellar"
    assert run("report", "m1", "--format", "pdf", "--output", "x.html").code == 2
