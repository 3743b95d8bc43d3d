"""Every page that a GET answers is valid HTML under the Nu checker (VITRINE_VNU_JAR; `.ci/run` provides it)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import NOW
from webapp.pages import guards
from webapp.services import accounts
from webapp.services.demo import make_demo

JAR = os.environ.get("VITRINE_VNU_JAR", "")

pytestmark = pytest.mark.skipif(
    not (JAR and Path(JAR).is_file() and shutil.which("java")),
    reason="no Nu HTML checker: set VITRINE_VNU_JAR (needs Java)",
)


def test_every_page_is_valid(app, sqlite_ctx, tmp_path):
    """The demo community's pages, looked at by nobody and by members, with every section's fragment left out."""
    members = [member for member in make_demo(sqlite_ctx, NOW) if member.email]
    app.config["CLOCK"] = lambda: NOW + 60
    app.config["WTF_CSRF_ENABLED"] = False
    plain = {rule.rule for rule in app.url_map.iter_rules() if "GET" in rule.methods and not rule.arguments}
    paths = sorted(plain | {"/nothing-here"})
    for handle in ("sally", "ravi", "mira", "leila-haddad", "maximiliana", "otto", "nia", "old-hand"):
        paths += [f"/u/{handle}", f"/u/{handle}/activity", f"/u/{handle}/badges"]
    files: dict[str, str] = {}

    def collect(client, who: str, wanted: list[str]) -> None:
        for path in wanted:
            answer = client.get(path)
            if answer.mimetype == "text/html" and answer.status_code != 303:
                file = tmp_path / f"{len(files)}.html"
                file.write_bytes(answer.data)
                files[file.name] = f"{path} as {who} ({answer.status_code})"

    collect(app.test_client(), "nobody", paths)
    sqlite_ctx.db.execute("UPDATE account SET is_admin = ? WHERE handle = ?", (True, members[0].handle))
    slug = sqlite_ctx.db.row("SELECT slug FROM organization ORDER BY id")[0]
    for member in members[:3]:
        client = app.test_client()
        raw = accounts.log_in(sqlite_ctx, NOW + 30, email=member.email, password=member.password, remote="127.0.0.1")
        with client.session_transaction() as cookie:
            cookie["_user_id"] = raw
            cookie["_fresh"] = True
        own = [rule.rule.replace("<handle>", member.handle).replace("<slug>", slug) for rule in app.url_map.iter_rules()
               if "GET" in rule.methods and rule.arguments <= {"handle", "slug"}
               and guards.declared_caller(app.view_functions[rule.endpoint]) != "public"]
        collect(client, member.handle, sorted(set(own) | {f"/u/{member.handle}", "/"}))
    assert len(files) > 30
    command = ["java", "-Xss4m", "-jar", JAR, "--format", "json", "--exit-zero-always"]
    done = subprocess.run(
        [*command, *map(str, sorted(tmp_path.glob("*.html")))], capture_output=True, text=True, check=True
    )
    problems = {
        f"{files[Path(found['url'].removeprefix('file:')).name]}: {found['message']}"
        for found in json.loads(done.stderr)["messages"] if found["type"] == "error"
    }
    assert problems == set()
