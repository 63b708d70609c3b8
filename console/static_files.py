"""How static files are served: which of other people's packages, and our style sheets as one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import AppDirectoriesFinder
from whitenoise.storage import CompressedManifestStaticFilesStorage


class AppFinder(AppDirectoriesFinder):
    """Django's own, without ReDoc: 4 MB that no page of ours uses and that take long to pack."""

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Any]]:
        """The files of all apps but ReDoc's."""
        return iter(super().list([*(ignore_patterns or []), "redoc.*"]))


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """WhiteNoise's, which serves our style sheets as one: twenty cost more than they hold.

    What is asked for is still ``css/console.css``; in development its imports are separate files.
    """

    ENTRY = "css/console.css"
    WHOLE = "css/whole.css"

    def post_process(
        self, paths: dict[str, Any], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, str, bool | Exception]]:
        """Write the one style sheet, hash and pack all files, and let its name stand for both."""
        if not dry_run and self.ENTRY in paths:
            Path(self.path(self.WHOLE)).write_text(inline(Path(self.path(self.ENTRY))))
            paths = {**paths, self.WHOLE: (self, self.WHOLE)}
        yield from super().post_process(paths, dry_run, **options)
        if self.WHOLE in paths:
            hashed = self.hashed_files[self.hash_key(self.WHOLE)]
            self.hashed_files[self.hash_key(self.ENTRY)] = hashed
            self.save_manifest()


_IMPORT = re.compile(r'^@import url\("([\w./-]+)"\) layer\((\w+)\);$', re.MULTILINE)


def inline(sheet: Path) -> str:
    """The style sheet with what it imports into layers put in their places.

    Raises ValueError for an import that is written otherwise, and would be left behind.
    """
    text = sheet.read_text()
    if text.count("@import") != len(_IMPORT.findall(text)):
        raise ValueError(f'{sheet}: write @import url("FILE") layer(NAME); in a line of its own')
    return _IMPORT.sub(
        lambda found: f"@layer {found[2]} {{\n{(sheet.parent / found[1]).read_text()}}}", text
    )
