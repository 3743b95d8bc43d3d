"""Whole pages over HTTP: the profile against the template floor and against hello (G1, G2), and FlaskBB (G3)."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from statistics import median

from benchmarks import load, world
from benchmarks.table import Line, at_least
from policies.manager import PolicyManager
from policies.terms import ANONYMOUS
from webapp.services.context import Context, Site
from webapp.services.profiles import view_profile
from webapp.services.views import ProfileView
from webapp.store.database import Database

ROUNDS = 3
#: What every browser sends. Plain is measured too: the goal says nothing of packing.
PACKED = "Accept-Encoding: gzip, deflate, br\r\n"


def compare(folder: Path, quick: bool) -> list[Line]:
    """Rounds of floor, hello, uncached page and warm page in turn; medians of the rounds' ratios."""
    members, seconds = (2_000, 1.5) if quick else (20_000, 4.0)
    database = folder / "pages.db"
    world.make_world(database, members)
    handles = world.rich_handles(members)
    views = folder / "views.pickle"
    views.write_bytes(pickle.dumps(read_views(database, handles)))
    environ = {
        "DATA_DIR": str(folder), "DATABASE_URL": f"sqlite:///{database}", "SECRET_KEY": "benchmark-" * 4,
        "BENCH_VIEWS": str(views), "PYTHONWARNINGS": "ignore",
    }  # fmt: skip
    paths = [f"/u/{handle}" for handle in handles]
    rates: dict[str, list[load.Load]] = {"floor": [], "hello": [], "cold": [], "warm": [], "packed": []}
    with (
        load.serving("benchmarks.floor:app", environ) as floor,
        load.serving("wsgi:app", {**environ, "WARM_CACHE_MB": "0"}) as cold,
        load.serving("wsgi:app", environ) as warm,
    ):
        for port, some in ((floor, ["/floor"]), (cold, paths), (warm, paths)):
            load.hit(port, some, seconds=1.0)  # templates compiled, caches filled
        load.hit(warm, paths, seconds=1.0, headers=PACKED)
        for _ in range(ROUNDS):
            rates["floor"].append(load.hit(floor, ["/floor"], seconds=seconds))
            rates["cold"].append(load.hit(cold, paths, seconds=seconds))
            rates["hello"].append(load.hit(floor, ["/hello"], seconds=seconds))
            rates["warm"].append(load.hit(warm, paths, seconds=seconds))
            rates["packed"].append(load.hit(warm, paths, seconds=seconds, headers=PACKED))

    def ratio(one: str, other: str) -> float:
        return median(a.rate / b.rate for a, b in zip(rates[one], rates[other], strict=True))

    return [
        at_least("G1", "profile page, uncached, random member : template floor", ratio("cold", "floor"), 0.65),
        at_least("G2", "profile page, warm, anonymous : template floor", ratio("warm", "floor"), 1.5),
        at_least("G2", "profile page, warm, anonymous : hello", ratio("warm", "hello"), 0.5),
        at_least("G2", "the same as browsers ask for it (Accept-Encoding: br) : hello", ratio("packed", "hello"), 0.5),
        _flaskbb(median(r.rate for r in rates["cold"]), median(r.rate for r in rates["warm"])),
    ]


def read_views(database: Path, handles: list[str]) -> list[ProfileView]:
    """What the service makes of the members for an anonymous viewer: the floor's data."""
    db = Database.open(f"sqlite:///{database}")
    context = Context(db=db, manager=PolicyManager(), site=Site())
    views = [view_profile(context, ANONYMOUS, handle, world.NOW) for handle in handles]
    db.close()
    return [view for view in views if isinstance(view, ProfileView)]


def _flaskbb(cold: float, warm: float) -> Line:
    """FlaskBB has to be set up and served beside; its profile's address is given in BENCH_FLASKBB."""
    address = os.environ.get("BENCH_FLASKBB", "")
    if not address:
        why = "FlaskBB 2.1 skipped: it is not installed (serve it with two workers and set BENCH_FLASKBB=port/path)"
        return Line("G3", why, None, ">= 10")
    port, _, path = address.partition("/")
    other = load.hit(int(port), [f"/{path}"], seconds=4.0)
    what = f"profile page, uncached : FlaskBB's profile (warm: {warm / other.rate:.1f})"
    return at_least("G3", what, cold / other.rate, 10)
