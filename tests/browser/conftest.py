"""Fixtures of the browser tests: with and without scripts, a page of a fresh profile. Not what they do (helpers.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    """One after the other a browser that runs scripts and one that does not."""
    return bool(request.param)


@pytest.fixture
def viewport() -> dict[str, int]:
    return {"width": 1280, "height": 900}


@pytest.fixture
def page(browser: Any, scripts: bool, viewport: dict[str, int]) -> Iterator[Any]:
    context = browser.new_context(viewport=viewport, java_script_enabled=scripts)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()
