"""Every address of the console, found from the resolver, so that a new one cannot be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Route:
    """One address: its name (or its pattern where it has none), and what stands in it."""

    name: str
    pattern: str
    parameters: tuple[str, ...]

    @property
    def is_api(self) -> bool:
        """Whether programs ask there, with a key."""
        return self.pattern.startswith(("api/", "^api"))


def all_routes() -> dict[str, Route]:
    """By name. Of two with one address the first answers, and only that one is listed."""
    found: dict[str, Route] = {}
    taken = set()
    for pattern, name, parameters in _walk(get_resolver(), "", "", ()):
        if pattern not in taken:
            taken.add(pattern)
            key = name or f"/{pattern}"
            assert key not in found, f"Two addresses are called {key!r}: give one another name."
            found[key] = Route(key, pattern, parameters)
    return found


def _walk(
    resolver: URLResolver, before: str, space: str, given: tuple[str, ...]
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for each in resolver.url_patterns:
        pattern: Any = each.pattern
        here, takes = before + str(pattern), (*given, *_names(pattern))
        if isinstance(each, URLResolver):
            inner = f"{space}{each.namespace}:" if each.namespace else space
            yield from _walk(each, here, inner, takes)
        else:
            assert isinstance(each, URLPattern)
            yield here, f"{space}{each.name}" if each.name else "", takes


def _names(pattern: Any) -> tuple[str, ...]:
    regex = getattr(pattern, "regex", None)
    found = dict(getattr(pattern, "converters", {}))
    if regex is not None:
        found |= regex.groupindex
    return tuple(found)
