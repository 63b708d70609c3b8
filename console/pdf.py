"""Documents as PDF: a template and a style sheet of ours, and nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from weasyprint import CSS, HTML
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

# Names a static file in documents: static:img/favicon.svg.
SCHEME = "static"
# Names a drawing that was made for one document: drawing:chart.
DRAWING = "drawing"
STYLES = ("css/tokens.css", "css/pdf.css")
TYPES = {".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}


class StaticFilesOnly(URLFetcher):  # type: ignore[misc]
    """Reads what the project itself brings along: never the network, never another file.

    ``drawings`` are SVGs of ours that were drawn for the one document, by name.
    """

    def __init__(self, drawings: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.drawings = drawings or {}

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
        """The static file. Whatever else a document asks for stops it: it is a mistake of ours."""
        parts = urlsplit(url)
        if parts.scheme == DRAWING and parts.path in self.drawings:
            drawing = self.drawings[parts.path].encode()
            return URLFetcherResponse(url, drawing, {"Content-Type": TYPES[".svg"]})
        name = parts.path.lstrip("/")
        found = finders.find(name) if parts.scheme == SCHEME and not parts.netloc else None
        kind = TYPES.get(Path(name).suffix)
        if found is None or kind is None:
            raise FatalURLFetchingError(f"a document may not read {url}")
        return URLFetcherResponse(url, Path(found).read_bytes(), {"Content-Type": kind})


def render_pdf(template: str, context: dict[str, Any]) -> bytes:
    """The template as PDF/A-3b: its fonts are in it, and it looks the same in twenty years.

    Title, language and author come from the template's head. A second call with the same context
    makes the same document but for its identifier. Raises LookupError for a template that asks
    for something else than our static files.
    """
    fetcher = StaticFilesOnly()
    styles = [CSS(f"{SCHEME}:{name}", url_fetcher=fetcher) for name in STYLES]
    html = HTML(
        string=render_to_string(template, context),
        base_url=f"{SCHEME}:/",
        url_fetcher=fetcher,
        media_type="print",
    )
    try:
        written: bytes = html.write_pdf(stylesheets=styles, pdf_variant="pdf/a-3b")
    except FatalURLFetchingError as error:
        # As WeasyPrint raises it, it is no Exception, and no page of ours would answer it.
        raise LookupError(str(error)) from error
    return written
