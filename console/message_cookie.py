"""Messages to the next page, in a cookie that no other host of the domain can plant.

It is signed, but not for anybody in particular: a message of one's own console, put there from a
neighbouring host, would be shown to somebody else as if it were about theirs.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class HostCookieStorage(CookieStorage):
    """The cookie, named as the others are."""

    cookie_name = "__Host-messages" if settings.HTTPS else CookieStorage.cookie_name


class MessageStorage(FallbackStorage):
    """In the cookie; what is too long for one, in the session."""

    storage_classes = (HostCookieStorage, SessionStorage)
