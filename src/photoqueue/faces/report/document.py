"""Reports of moves as HTML in one file, PDF and Excel."""

from __future__ import annotations

import gc
import io
import logging
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from photoqueue.client.identifiers import checked
from photoqueue.errors import ConfigurationError, PayloadError, ServiceError
from photoqueue.faces.report.content import Content, data_address
from photoqueue.faces.report.words import ReportWords
from photoqueue.format import counted, one_line, visible, volume
from photoqueue.installation import current
from photoqueue.inventory.export import file_stem, write_new
from photoqueue.queue.webhooks import announce
from photoqueue.words import WebhookEvent

if TYPE_CHECKING:
    from photoqueue.records.estimates import Estimate
    from photoqueue.settings import Settings

logger = logging.getLogger(__name__)

HERE: Final = Path(__file__).parent
TEMPLATE: Final = HERE / "report.html.j2"
#: Files that a report can be written as, by the endings of their names.
FORMATS: Final = ("html", "pdf", "xlsx")
#: Characters of a template, with its pictures and fonts.
_LONGEST_TEMPLATE: Final = 5_000_000
#: Pixels of the longest side of a logo; as printed it is smaller.
_LOGO_SIDE: Final = 600
_WITHOUT_PANGO: Final = (
    "PDF needs the libraries Pango and HarfBuzz of the system ({why}). Install them: apt-get "
    "install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0, or brew install pango."
)
_WITHOUT_WEASYPRINT: Final = (
    "PDF needs the package weasyprint. Install it: pip install 'photoqueue[report]'."
)


@dataclass(frozen=True, kw_only=True, repr=False)
class Report:
    """A report of one project, as it was when it was made; made by :func:`report`.

    It names no photo, file or content by an id.
    """

    project_id: str
    #: ``en`` or ``fr``.
    lang: str
    #: Why it is a draft: rooms that are not reviewed, photos that are not in it, gaps that are not
    #: acknowledged. Empty if it is final.
    drafts: tuple[str, ...]
    #: The report as HTML that needs no other file.
    html: str = field(repr=False)
    _content: Content = field(repr=False)
    _words: ReportWords = field(repr=False)

    @property
    def final(self) -> bool:
        """Whether nothing speaks against calling it final."""
        return not self.drafts

    def __repr__(self) -> str:
        total = self._content.total
        return (
            f"<Report of {one_line(self.project_id, 20)}: {'final' if self.final else 'draft'}, "
            f"{counted(total.count, 'thing')}, {volume(total.volume)}>"
        )

    def pdf(self) -> bytes:
        """Return the report as PDF, A4.

        Raises
        ------
        ConfigurationError
            WeasyPrint or a library that it needs is missing, or the template refers to a file or
            address: a report holds everything itself.
        """
        return _pdf(self.html)

    def xlsx(self) -> bytes:
        """Return the report as an Excel file.

        Raises
        ------
        ConfigurationError
            openpyxl is not installed.
        """
        from photoqueue.faces.report.workbook import workbook

        return workbook(self._content, self._words)

    def file(self, kind: str) -> tuple[str, bytes]:
        """Return a name for a file and its bytes, to offer it for download.

        Parameters
        ----------
        kind
            ``html``, ``pdf`` or ``xlsx``.
        """
        if kind not in FORMATS:
            raise PayloadError(f"Unknown format {kind!r:.40}; choose {', '.join(FORMATS)}.")
        content = self.html.encode() if kind == "html" else getattr(self, kind)()
        return f"{file_stem('report', self.project_id)}.{kind}", content

    def save(self, path: str | Path) -> Path:
        """Write the report to a new file, of which a webhook tells; return its path.

        Where PDF cannot be made, the HTML is written beside it and the error names it.

        Parameters
        ----------
        path
            Ends in ``.html``, ``.pdf`` or ``.xlsx``.

        Raises
        ------
        StateError
            The file exists or cannot be written.
        ConfigurationError
            As of :meth:`pdf` and :meth:`xlsx`.
        PayloadError
            The path has another ending.
        """
        target = Path(path)
        kind = target.suffix.removeprefix(".").lower()
        try:
            _, content = self.file(kind)
        except ConfigurationError as exc:
            if kind != "pdf":
                raise
            instead = write_new(target.with_suffix(".html"), self.html.encode())
            raise ConfigurationError(
                f"{exc} The report is in {instead}, which browsers show and print."
            ) from exc
        written = write_new(target, content)
        try:
            announce(
                current().database,
                WebhookEvent.REPORT_WRITTEN,
                subject=self.project_id,
                project_id=self.project_id,
            )
        except ServiceError as exc:
            logger.warning("%s is written, but no webhook tells of it: %s", written, exc)
        return written


def report(project_id: str, *, lang: str | None = None, estimate: Estimate | None = None) -> Report:
    """Make the report of a project: "Volume survey and estimate, not a quote".

    Name and logo of the company are those of ``PHOTOQUEUE_REPORT_COMPANY`` and
    ``PHOTOQUEUE_REPORT_LOGO``; ``PHOTOQUEUE_REPORT_TEMPLATE`` replaces the template.

    Parameters
    ----------
    project_id
        The project, which was added up.
    lang
        ``en`` or ``fr``; default is that of the estimate, or of the settings.
    estimate
        Made by :func:`photoqueue.estimate`, in the same language; its units are those of the
        report. None makes one without access, rates and other terms.

    Raises
    ------
    UnknownProjectError
        No photo was submitted for the project.
    NotFoundError
        The project was not added up yet.
    PayloadError
        The estimate is of another project or in another language.
    ConfigurationError
        The logo is not a picture, or the template cannot be used.

    Examples
    --------
    >>> report("move-42", lang="fr").save("move-42.pdf")  # doctest: +SKIP
    """
    from photoqueue.inventory.catalogue_file import known_language

    project, here = checked("project_id", project_id), current()
    settings = here.settings
    language = known_language(lang or (estimate.lang if estimate else settings.language))
    if estimate and (estimate.project_id, estimate.lang) != (project, language):
        raise PayloadError(
            f"The estimate is of project {estimate.project_id!r:.60} and in {estimate.lang!r}, the "
            f"report of {project!r:.60} and in {language!r}. Make another: "
            f"estimate({project!r:.60}, lang={language!r})."
        )
    words = ReportWords(language, estimate.units if estimate else "metric")
    content = Content(
        here,
        project,
        words,
        company=settings.report_company or "",
        logo=_logo(settings.report_logo),
        estimate=estimate,
    )
    return Report(
        project_id=project,
        lang=language,
        drafts=content.drafts,
        html=_html(content, words, settings),
        _content=content,
        _words=words,
    )


def _html(content: Content, words: ReportWords, settings: Settings) -> str:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Names may hold what turns a text around, or no page can show.
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    path = settings.report_template or TEMPLATE
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST_TEMPLATE + 1)
        if len(text) > _LONGEST_TEMPLATE:
            raise ValueError(f"it has more than {_LONGEST_TEMPLATE:,} characters")
        template = environment.from_string(text)
        written: str = template.render(report=content, say=words, fonts=_fonts())
    except Exception as exc:  # what a template does is up to who wrote it
        if path == TEMPLATE:
            raise
        place = f", line {number}" if (number := getattr(exc, "lineno", None)) else ""
        raise ConfigurationError(
            f"The template of reports, {path}{place}, cannot be used: {type(exc).__name__}: "
            f"{one_line(exc, 200).rstrip('.')}. Correct it, or unset PHOTOQUEUE_REPORT_TEMPLATE."
        ) from exc
    return written


@cache
def _fonts() -> dict[str, str]:
    """Return the font of the package as ``data:`` addresses, by weight."""
    return {
        weight: data_address((HERE / f"DejaVuSansCondensed{name}.woff2").read_bytes(), "font/woff2")
        for weight, name in (("normal", ""), ("bold", "-Bold"))
    }


def _logo(path: Path | None) -> str:
    """Return the logo as a ``data:`` address; empty without one."""
    from PIL import Image

    if path is None:
        return ""
    try:
        # Formats of which none starts a program.
        with Image.open(path, formats=("PNG", "JPEG", "WEBP", "GIF")) as image:
            image.thumbnail((_LOGO_SIDE, _LOGO_SIDE))
            stream = io.BytesIO()
            image.convert("RGBA").save(stream, "PNG")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        raise ConfigurationError(
            f"PHOTOQUEUE_REPORT_LOGO names {path}, which is no picture that can be read "
            f"({type(exc).__name__}). Give a PNG or JPEG file."
        ) from exc
    return data_address(stream.getvalue(), "image/png")


def _pdf(html: str) -> bytes:
    from contextlib import redirect_stdout

    try:
        with redirect_stdout(io.StringIO()):  # it prints where to read about missing libraries
            from weasyprint import HTML
            from weasyprint.urls import FatalURLFetchingError, URLFetcher
    except ImportError as exc:
        raise ConfigurationError(_WITHOUT_WEASYPRINT) from exc
    except OSError as exc:
        raise ConfigurationError(_WITHOUT_PANGO.format(why=one_line(exc, 120))) from exc
    # What a template or a name refers to is neither read from the disk nor asked for.
    fetcher = URLFetcher(allowed_protocols={"data"}, fail_on_errors=True)
    collects = gc.isenabled()
    try:
        gc.disable()  # nothing of a document is garbage before its end: a fifth of the time
        written: Any = HTML(string=html, url_fetcher=fetcher).write_pdf()
    except FatalURLFetchingError as exc:
        raise ConfigurationError(
            f"The template of reports refers to something outside of it ({one_line(exc, 120)}). "
            "Put pictures and fonts into it as data: addresses."
        ) from exc
    finally:
        if collects:
            gc.enable()
    return bytes(written)
