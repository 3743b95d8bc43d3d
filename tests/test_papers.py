"""What stands beside the code keeps its form: pinned packages, the change log's parts, the links between documents."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAPERS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_is_pinned_once() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    names = [plain(line.partition("==")[0]) for line in lines]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    assert sorted({name for name in names if names.count(name) > 1}) == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for some in project["optional-dependencies"].values() for one in some)]
    assert sorted({plain(re.split(r"[\[<>=;]", one)[0]) for one in wanted} - set(names)) == []


def test_the_change_log_has_each_part_of_a_release_once() -> None:
    for release in (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1:]:
        parts = re.findall(r"^### (.+)$", release, re.M)
        assert parts[-1] == "Security and exposure"
        assert len(parts) == len(set(parts))


def test_each_requirement_is_explained_once() -> None:
    text = (ROOT / "docs/requirements.md").read_text()
    heads = re.findall(r"^\| ([A-Z]\d[^|]*) \|", text, re.M)
    assert sorted({head for head in heads if heads.count(head) > 1}) == []


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_links_between_documents_lead_somewhere(paper: Path) -> None:
    found = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", paper.read_text())
    assert [link for link in found if not (paper.parent / link).exists()] == []


def test_the_readme_leads_to_every_document() -> None:
    text = (ROOT / "README.md").read_text()
    assert [paper.name for paper in PAPERS[2:] if f"docs/{paper.name}" not in text] == []
