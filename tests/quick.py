"""What keeps the tests quick where speed is no subject: cheap hashing, applications that are made in a moment.

The applications are the shipped ones. A test that is about hashing uses SHIPPED.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from werkzeug.routing import Rule

from webapp.services import passwords

#: How the site hashes.
SHIPPED: PasswordHasher = passwords._hasher
#: The cheapest hashing of the same library.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class _Rule(Rule):
    """A route whose URLs are built by the same functions, made when the first one is built: most never are."""

    def _compile_builder(self, append_unknown: bool = True) -> Any:
        compiled: list[Any] = []

        def build(rule: Rule, /, **values: Any) -> Any:
            if not compiled:
                compiled.append(super(_Rule, self)._compile_builder(append_unknown))
            return compiled[0](rule, **values)

        return build


@contextmanager
def quick(folder: Path) -> Iterator[None]:
    """While this lasts passwords are hashed cheaply and each template is compiled once, into `folder`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", CHEAP)
        patch.setattr(Flask, "url_rule_class", _Rule)
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": FileSystemBytecodeCache(str(folder))})
        yield
