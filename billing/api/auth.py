"""Who asks: a key in the header ``Authorization``, never a browser's session."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest
from ninja.security import HttpBearer

from accounts import api_keys
from accounts.api_keys import Bearer
from accounts.models import Scope
from billing.api import throttle
from billing.api.problems import Problem


class ApiRequest(HttpRequest):
    """A request of the API behind its authentication."""

    auth: Bearer


class Key(HttpBearer):
    """The authentication of one operation: a valid key that has ``scope``."""

    openapi_description = "A key made by `manage.py create_api_key`: `cck_...`"

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Bearer:
        """Raises Problem: 401, 403 or 429."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        bearer = self.authenticate(request, key.strip()) if scheme.lower() == "bearer" else None
        if bearer is None:
            throttle.count_failure(request)
            raise Problem(
                "unauthenticated",
                "Send a valid key: 'Authorization: Bearer <key>'.",
                headers={"WWW-Authenticate": 'Bearer realm="api"'},
            )
        throttle.count_request(bearer.id)
        api_keys.note_use(bearer)
        require(bearer, self.scope)
        return bearer

    def authenticate(self, request: HttpRequest, token: str) -> Bearer | None:
        """Who has the key, or None."""
        return api_keys.find(token)


def require(bearer: Bearer, scope: Scope) -> None:
    """Raise Problem (403) unless the key has ``scope``."""
    if scope not in bearer.scopes:
        raise Problem(
            "scope-missing",
            f"This needs a key with the scope {scope.value}.",
            scope=scope.value,
            headers={
                "WWW-Authenticate": 'Bearer realm="api", error="insufficient_scope",'
                f' scope="{scope.value}"'
            },
        )


def bearer_of(request: HttpRequest) -> Bearer:
    """Who asks, behind the authentication."""
    return cast(ApiRequest, request).auth
