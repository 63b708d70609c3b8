"""The style sheets are served as one, which says what all of them say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from console.static_files import StaticFiles, inline

CSS = Path(__file__).parents[2] / "static" / "css"
# Of documents, which have no use for the others.
OF_ITS_OWN = {"console.css", "pdf.css", "paper.css", "paper_front.css"}


def test_all_that_is_imported_is_inside_its_layer():
    whole = inline(CSS / "console.css")
    assert "@import" not in whole
    for layer, path in [("tokens", "tokens.css"), ("components", "components/button.css")]:
        assert f"@layer {layer} {{\n{(CSS / path).read_text()}}}" in whole
    # Every file is there, so that none is forgotten.
    for path in CSS.rglob("*.css"):
        assert path.name in OF_ITS_OWN or path.read_text() in whole, path
    assert whole.count("{") == whole.count("}")
    # An address in it would be looked for in another directory.
    assert set(re.findall(r'url\("(\w+):', whole)) <= {"data"}
    assert len(re.findall(r"url\(", whole)) == len(re.findall(r'url\("data:', whole))


def test_an_import_that_is_written_otherwise_is_refused(tmp_path):
    (tmp_path / "console.css").write_text('@import "tokens.css" layer(tokens);\n')
    with pytest.raises(ValueError, match="in a line of its own"):
        inline(tmp_path / "console.css")


def test_pages_ask_for_the_one_style_sheet(tmp_path, settings):
    settings.DEBUG = False
    shutil.copytree(CSS, tmp_path / "css")
    storage = StaticFiles(location=tmp_path, base_url="/static/")
    paths = {
        str(path.relative_to(tmp_path)): (storage, str(path.relative_to(tmp_path)))
        for path in tmp_path.rglob("*.css")
    }
    assert all(done is not Exception for _, _, done in storage.post_process(paths))
    address = storage.url("css/console.css")
    assert re.fullmatch(r"/static/css/whole\.\w+\.css", address)
    served = tmp_path / address.removeprefix("/static/")
    assert "@import" not in served.read_text()
    assert served.with_suffix(".css.br").exists()
    # So says the manifest, to whoever reads it next.
    again = StaticFiles(location=tmp_path, base_url="/static/")
    assert again.url("css/console.css") == address
