"""The old code runs on the new tables until it is replaced: what a migration must not do then."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

# The rule begins behind these: nothing runs yet that they could break. To be set by each release.
UNRELEASED = {"accounts": 29, "billing": 49, "reports": 29}
LARGE = {"entry", "balance", "hold", "dailytotal"}


def troubles(operations: Iterable[Operation]) -> list[str]:
    """What the old code, or a posting that waits, would stumble over."""
    found = []
    for each in operations:
        name = type(each).__name__
        if isinstance(each, migrations.AddField):
            field = each.field
            if not (field.null or field.has_db_default() or field.many_to_many):
                found.append(f"{each.name} of {each.model_name}: the old code leaves it out")
        elif isinstance(
            each,
            (
                migrations.RemoveField,
                migrations.DeleteModel,
                migrations.RenameField,
                migrations.RenameModel,
                migrations.AlterModelTable,
            ),
        ):
            found.append(f"{name}: the old code still uses it")
        elif name == "AddIndex" and each.model_name_lower in LARGE:
            found.append(f"{name} on {each.model_name}: CONCURRENTLY, or postings wait")
    return found


def test_no_migration_since_the_release_breaks_the_code_before_it():
    loader = MigrationLoader(None, ignore_no_migrations=True)
    since = {
        f"{app} {name}": troubles(migration.operations)
        for (app, name), migration in loader.disk_migrations.items()
        if app in UNRELEASED
        and int(name[:4]) > UNRELEASED[app]
        and not getattr(migration, "SAFE_BECAUSE", "")
    }
    assert {name: said for name, said in since.items() if said} == {}


@pytest.mark.parametrize(
    ("operation", "number"),
    [
        (migrations.AddField("entry", "note", models.TextField(default="")), 1),
        (migrations.AddField("entry", "note", models.TextField(db_default="")), 0),
        (migrations.AddField("entry", "note", models.TextField(null=True)), 0),
        (migrations.RemoveField("entry", "note"), 1),
        (migrations.AddIndex("entry", models.Index(fields=["kind"], name="x")), 1),
        (AddIndexConcurrently("entry", models.Index(fields=["kind"], name="x")), 0),
        (migrations.AddIndex("alert", models.Index(fields=["account"], name="x")), 0),
    ],
)
def test_it_would_be_noticed(operation, number):
    assert len(troubles([operation])) == number
