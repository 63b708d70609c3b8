"""What every request and answer goes through before and after the views."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers, StopUpload
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers

Answer = Callable[[HttpRequest], HttpResponse]

_SESSION_KEY = re.compile(r"[a-z0-9]{32}", re.ASCII)


def drop_what_is_no_session(get_response: Answer) -> Answer:
    """Middleware: a session cookie that none of ours could be is as good as none.

    A NUL in it would be a 500 in the database, which no client may cause. And the API takes no
    cookie at all, so that none is looked up and none is answered with another.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/api/"):
            request.COOKIES.clear()
        session = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if session is not None and not _SESSION_KEY.fullmatch(session):
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        return get_response(request)

    return middleware


def mark_private(get_response: Answer) -> Answer:
    """Middleware: balances are for whoever asked, now: nothing keeps the page.

    Otherwise the Back button would show it after signing out. A view may say otherwise for itself.
    Static files are answered before.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        if request.method == "POST" and request.path == reverse("account_logout"):
            # What the browser keeps for its Back button, too.
            response.headers["Clear-Site-Data"] = '"cache"'
        # A page and its fragments are different answers of one address.
        patch_vary_headers(response, ["HX-Request", "HX-Target", "HX-History-Restore-Request"])
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=()"
        )
        return response

    return middleware


class RefuseFiles(FileUploadHandler):
    """No page takes files unless it says so: nothing that is sent is written anywhere."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Stop reading. The form arrives without the file."""
        raise StopUpload(connection_reset=True)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Never called."""
        return None

    def file_complete(self, file_size: int) -> None:
        """Nothing was kept."""


class KeepSmallFile(FileUploadHandler):
    """For a page that takes a file: one, in memory, of at most ``limit`` bytes.

    Of a larger one nothing is kept, and ``is_too_large`` says so; a request that is many times as
    large is not read to its end.
    """

    PATIENCE = 5

    def __init__(self, request: HttpRequest, limit: int) -> None:
        super().__init__(request)
        self.limit = limit
        self.is_too_large = False
        self._kept: BytesIO | None = None
        self._is_taken = False
        self._read = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Keep the first file only."""
        super().new_file(*args, **kwargs)
        self._kept = None if self._is_taken else BytesIO()
        self._is_taken = True
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Keep it while it is small."""
        self._read += len(raw_data)
        if self._read > self.PATIENCE * self.limit:
            self.is_too_large = True
            raise StopUpload(connection_reset=True)
        if self._kept is not None and start + len(raw_data) > self.limit:
            self.is_too_large, self._kept = True, None
        if self._kept is not None:
            self._kept.write(raw_data)
        return None

    def file_complete(self, file_size: int) -> InMemoryUploadedFile | None:
        """The file, if it was small enough."""
        if self._kept is None:
            return None
        self._kept.seek(0)
        return InMemoryUploadedFile(
            self._kept,
            self.field_name,
            self.file_name or "",
            self.content_type or "",
            file_size,
            self.charset,
            self.content_type_extra,
        )
