"""What every request and answer goes through before and after the views."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
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
    """No page takes files: nothing that is sent is written anywhere."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Stop reading. The form arrives without the file."""
        raise StopUpload(connection_reset=True)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Never called."""
        return None

    def file_complete(self, file_size: int) -> None:
        """Nothing was kept."""
