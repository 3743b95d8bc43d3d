"""The house rules of docs/architecture.md, read from the source: who imports whom, docstrings, sizes, schema."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from webapp.store import models
from webapp.store.migrate import FOLDER, is_at_head, migrate_down, migrate_up, migration_status

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("policies", "plugins", "webapp", "tests", "benchmarks")

#: The longest prefix that fits rules. Forbidden: top-level packages, and our own modules by prefix.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "policies": ("webapp", "plugins", "tests", "flask", "peewee", "playhouse", "click"),
    "plugins": ("webapp", "tests", "flask", "peewee", "playhouse"),
    "webapp.store": (
        "flask", "flask_login", "flask_wtf", "webapp.services", "webapp.pages", "webapp.api", "webapp.app",
        "webapp.cli", "webapp.ops", "webapp.art", "webapp.config", "plugins",
    ),
    "webapp.services": (
        "flask", "flask_login", "flask_wtf", "webapp.pages", "webapp.api", "webapp.app", "webapp.cli", "webapp.ops",
        "webapp.config", "plugins",
    ),
    "webapp.pages": (
        "peewee", "playhouse", "webapp.store", "webapp.app", "webapp.cli", "webapp.ops", "webapp.config", "plugins",
    ),
    "webapp.api": (
        "peewee", "playhouse", "webapp.store", "webapp.app", "webapp.cli", "webapp.ops", "webapp.config", "plugins",
    ),
    "webapp.art": ("flask", "peewee", "webapp.store", "webapp.services", "webapp.pages", "webapp.app", "plugins"),
    "webapp": ("tests",),
}
#: Modules that read the clock; everything else is handed the time.
CLOCKLESS = ("policies", "webapp.store", "webapp.services", "plugins")
#: Files that may be longer than MAX_LINES. Empty: keep it so.
LONG_FILES: set[str] = set()
MAX_LINES = 400
#: Tests are lists of cases; still, a file somebody can find their way in.
MAX_TEST_LINES = 600


def python_files() -> Iterator[Path]:
    for folder in SOURCES:
        yield from sorted((ROOT / folder).rglob("*.py"))
    yield ROOT / "wsgi.py"


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(text: str, module: str, is_package: bool = False) -> set[str]:
    """Every module named by an import statement, inside functions too; `from a import b` gives a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".")[: None if is_package and node.level == 1 else -node.level + is_package]
                base = ".".join([*package, *([node.module] if node.module else [])])
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return found


def breaches(text: str, module: str, is_package: bool = False) -> list[str]:
    """The imports of a module that its part of the house does not allow."""
    forbidden: set[str] = set()
    for prefix, names in FORBIDDEN.items():
        if module == prefix or module.startswith(prefix + "."):
            forbidden.update(names)
    imported = imports_of(text, module, is_package)
    return sorted(
        name for name in imported if any(name == bad or name.startswith(bad + ".") for bad in forbidden)
    )


@pytest.mark.parametrize("path", list(python_files()), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_docstring_size(path: Path):
    text = path.read_text(encoding="utf-8")
    module, is_package = module_of(path), path.name == "__init__.py"
    assert breaches(text, module, is_package) == []
    assert ast.get_docstring(ast.parse(text)), "the first line says what lives in the module and what does not"
    if str(path.relative_to(ROOT)) not in LONG_FILES:
        lines = text.count("\n")
        assert lines <= (MAX_TEST_LINES if module.startswith("tests.") else MAX_LINES)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("policies.visibility", "import flask"),
        ("policies.builtin.managed", "from webapp.store import database"),
        ("plugins.stackexchange", "from webapp.services import importing"),
        ("webapp.store.profiles", "from webapp.services.context import Context"),
        ("webapp.store.profiles", "from flask import g"),
        ("webapp.services.profiles", "import flask.globals"),
        ("webapp.services.profiles", "def f():\n    from webapp.pages import _request"),
        ("webapp.services.profiles", "from ..pages import guards"),
        ("webapp.pages.profile", "import peewee"),
        ("webapp.pages.profile", "from webapp import store"),
        ("webapp.pages.profile", "from ..store import models"),
        ("webapp.api.users", "from webapp.store.database import Database"),
    ],
)
def test_a_planted_breach_is_caught(module: str, line: str):
    assert breaches(line, module)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("policies.manager", "import pluggy"),
        ("webapp.store.profiles", "from policies.terms import Viewer"),
        ("webapp.services.profiles", "from webapp.store import profiles"),
        ("webapp.pages.profile", "from webapp.services import profiles"),
        ("webapp.app", "from webapp.store.database import Database"),
    ],
)
def test_what_is_allowed_is_not_reported(module: str, line: str):
    assert breaches(line, module) == []


def test_policies_import_nothing_but_the_standard_library_and_pluggy():
    import sys

    allowed = sys.stdlib_module_names | {"policies", "pluggy"}
    for path in sorted((ROOT / "policies").rglob("*.py")):
        names = imports_of(path.read_text(encoding="utf-8"), module_of(path), path.name == "__init__.py")
        foreign = {name.partition(".")[0] for name in names} - allowed
        assert foreign == set(), path


def test_no_clock_below_the_edge():
    """Time is passed in: policies, store and services read no clock, so that tests and twin worlds can fix it."""
    for path in python_files():
        module = module_of(path)
        if not any(module == part or module.startswith(part + ".") for part in CLOCKLESS):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                called = f"{node.value.id}.{node.attr}"
                assert called not in {
                    "time.time", "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "dt.now",
                }, f"{path}: {called}"


# The schema -----------------------------------------------------------------------------------------------------------


def schema_of(db) -> dict[str, set[str]]:
    """{table: column names} of our tables, generated columns too."""
    found = {}
    for table in db.peewee.get_tables():
        if table == "schema_migration" or table.startswith(("sqlite_", "people_words")):   # FTS keeps its own tables
            continue
        if db.dialect == "sqlite":
            columns = [row[1] for row in db.rows(f"PRAGMA table_xinfo({table})")]
        else:
            columns = [row[0] for row in db.rows(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_name = ? AND table_schema = 'public'", (table,))]
        found[table] = set(columns)
    return found


def full_schema(db) -> object:
    """The schema as the database tells it, for comparing."""
    if db.dialect == "sqlite":
        return sorted(db.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"))
    return (
        sorted(db.rows(
            "SELECT table_name, column_name, data_type, is_nullable, column_default, generation_expression"
            " FROM information_schema.columns WHERE table_schema = 'public'"), key=str),
        sorted(db.rows("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")),
        sorted(db.rows(
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace")),
    )


def test_migrations_up_down_up(empty_database_url, open_database):
    db = open_database(empty_database_url)
    steps = sorted(path.stem for path in FOLDER.glob("[0-9]*.py"))
    assert migrate_up(db) == steps
    assert is_at_head(db)
    first = full_schema(db)
    for step in reversed(steps):
        assert migrate_down(db) == [step]
    assert not is_at_head(db)
    assert schema_of(db) == {}
    assert migrate_up(db) == steps
    assert full_schema(db) == first
    assert migrate_up(db) == []


def test_each_step_goes_down_and_up_alone(empty_database_url, open_database):
    db = open_database(empty_database_url)
    for step in sorted(path.stem for path in FOLDER.glob("[0-9]*.py")):
        migrate_up(db, step)
        after = full_schema(db)
        migrate_down(db)
        migrate_up(db, step)
        assert full_schema(db) == after
    assert all(applied for _, applied in migration_status(db))


def test_models_say_what_the_schema_says(db):
    schema = schema_of(db)
    described = {model._meta.table_name: model for model in models.MODELS}
    generated = {"account": {"is_secondary", "wants_secondary"}}
    assert set(described) == set(schema)
    for table, model in described.items():
        assert set(model._meta.columns) == schema[table] - generated.get(table, set()), table
