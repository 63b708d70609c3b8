"""Directories for embedded servers, and who uses them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.postgres import (
    cluster,
    release,
    server,
)
from tests.console.postgres_users import User, directory_of_clusters


@pytest.fixture(scope="module")
def made_once() -> Iterator[Path]:
    with directory_of_clusters() as made:
        yield made


@pytest.fixture
def root(made_once: Path) -> Iterator[Path]:
    """Where the cluster `trial` lives: the first test makes it, and each leaves it stopped."""
    yield made_once
    release("trial", root=made_once)
    if (made_once / "trial").exists():
        server.stop(cluster.locate("trial", made_once))


@pytest.fixture
def new_root() -> Iterator[Path]:
    """Where no cluster has ever been."""
    with directory_of_clusters() as made:
        yield made


@pytest.fixture
def users(root: Path) -> Iterator[list[User]]:
    """The users of a test, killed after it: none is left by a test that failed."""
    started: list[User] = []
    yield started
    for user in started:
        user.is_killed()
