"""The rights of the role that the console connects as: to work, and to undo nothing.

The owner of the tables migrates; the console runs as another role, which can neither change what
is append-only nor take away the triggers that say so. Its rights are read off the database itself:
where a trigger refuses UPDATE or DELETE of a whole table, the role has no such right either. So a
new table of the books is covered by its own migration, and nobody has to keep a list.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.db import connection
from psycopg import sql
from psycopg.sql import SQL, Composable, Identifier

# What only migrations write: the console reads it.
WRITTEN_BY_MIGRATIONS = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
    "django_migrations",
}
# The bits of pg_trigger.tgtype.
_ROW, _BEFORE, _DELETE, _UPDATE = 1, 2, 8, 16
_REFUSING = """
SELECT c.relname, bit_or(t.tgtype) FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE c.relnamespace = current_schema()::regnamespace AND t.tgenabled = 'A'
    AND t.tgtype & %(row)s = 0 AND t.tgtype & %(before)s > 0
    AND p.proname = 'console_refuse_change'
GROUP BY c.relname
"""
_OWNERS = """
SELECT DISTINCT o.rolname FROM pg_class c JOIN pg_roles o ON o.oid = c.relowner
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(%(tables)s)
"""
_FOREIGN = _OWNERS + " AND NOT pg_has_role(current_user, o.oid, 'USAGE')"
_ROLE = """
SELECT rolsuper, rolcreaterole, rolreplication, rolbypassrls,
    has_parameter_privilege(oid, 'session_replication_role', 'SET'),
    ARRAY(SELECT o.rolname FROM pg_roles o WHERE o.rolname = ANY(%(powerful)s)
        AND pg_has_role(r.oid, o.oid, 'MEMBER'))
FROM pg_roles r WHERE rolname = %(role)s
"""
# Whose members reach what no right of ours keeps from them: files, programs, all tables.
_POWERFUL = [
    "pg_database_owner",
    "pg_execute_server_program",
    "pg_write_all_data",
    "pg_write_server_files",
]


class NoSuchRole(Exception):
    """The role is not there, or has more power than a role of the console may have."""


class NotTheOwner(Exception):
    """Who is connected does not own the tables."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What the role may do with one table."""

    table: str
    rights: tuple[str, ...]


def rights() -> list[Rights]:
    """What the console needs, table by table in order of their names, from the database at hand.

    TRUNCATE, REFERENCES and TRIGGER are never among them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_REFUSING, {"row": _ROW, "before": _BEFORE})
        refused = dict(cursor.fetchall())
        there = set(connection.introspection.table_names(cursor))
    found = []
    for table in sorted(_tables() & there):
        may = ["SELECT"]
        if table not in WRITTEN_BY_MIGRATIONS:
            may.append("INSERT")
            kinds = refused.get(table, 0)
            may += [] if kinds & _UPDATE else ["UPDATE"]
            may += [] if kinds & _DELETE else ["DELETE"]
        found.append(Rights(table, tuple(may)))
    return found


def statements(role: str) -> list[str]:
    """The SQL that gives ``role`` its rights, and takes every other one from it.

    Run again it changes nothing; after a migration it knows the new tables. Raises NoSuchRole for
    a role that owns tables, is a superuser, or could become one of those.
    """
    found = rights()
    _check(role, [each.table for each in found])
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema(), current_database()")
        [(schema_name, database_name)] = cursor.fetchall()
    whom, schema = Identifier(role), Identifier(schema_name)
    database = Identifier(database_name)

    def say(text: str, **names: Composable) -> str:
        said: str = SQL(text).format(**names).as_string()
        return said

    common = {"role": whom, "schema": schema, "database": database}
    lines = [
        # Whoever makes tables can stand one before ours: only the owner makes any.
        say("REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {role}", **common),
        say("REVOKE TEMPORARY, CREATE ON DATABASE {database} FROM PUBLIC, {role}", **common),
        say("GRANT CONNECT ON DATABASE {database} TO {role}", **common),
        say("GRANT USAGE ON SCHEMA {schema} TO {role}", **common),
        say("REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}", **common),
        say("REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role}", **common),
    ]
    lines += [
        say(
            "GRANT {rights} ON {table} TO {role}",
            rights=sql.SQL(", ").join(map(SQL, each.rights)),
            table=Identifier(schema_name, each.table),
            role=whom,
        )
        for each in found
    ]
    lines += [
        say("GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}", **common),
        # The worker's; those of triggers can be called by nobody.
        say("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role}", **common),
    ]
    return lines


def require_owner() -> None:
    """Raise NotTheOwner unless this connection may grant rights on every table of the console."""
    tables = [each.table for each in rights()]
    with connection.cursor() as cursor:
        cursor.execute(_FOREIGN, {"tables": tables})
        owners = ", ".join(name for (name,) in cursor.fetchall())
    if owners:
        raise NotTheOwner(f"Only the owner of the tables grants rights: connect as {owners}.")


def _tables() -> set[str]:
    """The tables of all models, whoever makes them, of the cache and of the migrations."""
    models = apps.get_models(include_auto_created=True)
    caches = {
        str(cache["LOCATION"])
        for cache in settings.CACHES.values()
        if str(cache["BACKEND"]).endswith("DatabaseCache")
    }
    return {model._meta.db_table for model in models} | caches | {"django_migrations"}


def _check(role: str, tables: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_OWNERS, {"tables": tables})
        owners = [name for (name,) in cursor.fetchall()]
        cursor.execute(_ROLE, {"role": role, "powerful": [*owners, *_POWERFUL]})
        row = cursor.fetchone()
    if row is None:
        raise NoSuchRole(f"There is no role {role}. As a superuser: CREATE ROLE {role} LOGIN")
    *powers, may_replicate, memberships = row
    names = ("SUPERUSER", "CREATEROLE", "REPLICATION", "BYPASSRLS")
    too_much = [name for name, has in zip(names, powers, strict=True) if has]
    if may_replicate and "SUPERUSER" not in too_much:
        too_much.append("the right to set session_replication_role")
    if "SUPERUSER" not in too_much:
        too_much += [f"membership in {name}" for name in memberships if name != role]
    if role in owners:
        too_much.append("tables of its own")
    if too_much:
        raise NoSuchRole(
            f"The role {role} has {', '.join(too_much)}: it could take the triggers away."
        )
