"""Hand-made profile views for the page tests: a full one, an empty one, a private one. Not the gate's work."""

from __future__ import annotations

import datetime
import random
from types import SimpleNamespace
from typing import Any

import pytest

from webapp.services import profiles, views

RECENT = (
    ("accepted_solution", "forum", "Forums", "How do I copy a rule between projects?", "https://forum.example/1",
     "2025-05-20", "Answer accepted"),
    ("course_completed", "learning", "Learning", "Automation, from zero", "https://learn.example/2", "2025-05-19",
     "Completed the course"),
    ("event_attended", "event", "Events", "Lisbon Makers, spring meetup", None, "2025-05-16", "Attended"),
    ("article", "forum", "Forums", "A migration checklist you can steal", "https://forum.example/3", "2025-05-12",
     "Published an article"),
)


def at(iso: str) -> int:
    """Unix seconds of noon of an ISO date."""
    return int(datetime.datetime.fromisoformat(f"{iso}T12:00:00+00:00").timestamp())


def shelf(
    metric: str, label: str, singular: str, total: int, earned: tuple[tuple[int, str], ...], to_come: int,
) -> views.ShelfView:
    ladder = (1, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000, 10000)
    gems = [
        views.MilestoneView(metric, value, ladder.index(value), True, total, at(day) if day else None)
        for value, day in earned
    ]
    gems.append(views.MilestoneView(metric, to_come, ladder.index(to_come), False, total))
    return views.ShelfView(metric, label, singular, f"{singular}s", total, tuple(gems))


def heatmap() -> views.HeatmapView:
    rng = random.Random(11)
    weeks: list[tuple[int | None, ...]] = []
    for week in range(53):
        mood = 0.2 + 0.3 * rng.random() + (0.35 if 34 < week < 42 else 0)
        weeks.append(tuple(
            None if week == 52 and day > 2
            else rng.randint(1, 12) if rng.random() < mood * (1 if day < 5 else 0.4) else 0
            for day in range(7)))
    months = tuple(views.HeatMonth(f"2024-{m:02}", m * 2, m, 1) for m in range(5, 13))
    return views.HeatmapView("2024-05-20", tuple(weeks), months, 326, 6)


def full(**changes: Any) -> views.ProfileView:
    """A member with something in every section."""
    held = views.HeldView
    given: dict[str, Any] = {
        "handle": "sally", "name": "Sally Smith", "avatar": views.AvatarView("S", "/avatar/k3y.webp"),
        "member_since": at("2019-03-04"), "locale_dir": "ltr", "noindex": False, "unclaimed": False, "only_name": False,
        "description": "Solutions architect in Lisbon, Portugal. 84 answers, level 7.",
        "bio": "I help teams leave spreadsheets behind without losing what they know. Automation, migrations, and the"
               " patient art of naming custom fields.",
        "facts": (
            views.FactView("job_title", "Position", "Solutions architect", "case"),
            views.FactView("organization", "Company", "Acme Corp", "building"),
            views.FactView("location", "Location", "Lisbon, Portugal", "pin"),
            views.FactView("timezone", "Time zone", "Europe/Lisbon", "clock"),
        ),
        "email": views.FactView("email", "E-mail address", "sally@smith.example", "mail"),
        "links": (
            views.LinkView("Website", "sallysmith.example", "https://sallysmith.example/", "globe"),
            views.LinkView("Code", "code.example/sally", "https://code.example/sally", "code"),
            views.LinkView("Social", "social.example/@sally", "https://social.example/@sally", "link"),
        ),
        "products": ("Tracker", "Wiki", "Service desk", "Automation", "Roadmaps"),
        "work": (views.WorkBlock("Northwind", "northwind", (
            views.FactView("job_title", "Position", "Consultant", "case"),
            views.FactView("department", "Department", "Platform", "tree"),
        )),),
        "stats": (
            views.StatView("answers", "Answers", 84), views.StatView("accepted_solutions", "Accepted solutions", 31),
            views.StatView("articles", "Articles", 12), views.StatView("likes_received", "Likes received", 312),
            views.StatView("courses_completed", "Courses completed", 9),
            views.StatView("total_posts", "Total posts", 418, "/u/sally/activity"),
        ),
        "shelves": (
            shelf("answers", "Answers", "answer", 84, ((1, "2019-03-04"), (10, "2019-11-09"), (25, "2021-08-01"),
                                                       (50, "2024-02-01"), (75, "")), 100),
            shelf("accepted_solutions", "Accepted solutions", "solution", 31, ((1, "2019-06-01"), (10, "2022-09-01"),
                                                                               (25, "2025-01-01")), 50),
            shelf("articles", "Articles", "article", 12, ((1, "2020-04-01"), (10, "2024-10-01")), 25),
        ),
        "badge_count": 14,
        "badges": (held("forum:helper", "First helper", at("2024-05-01"), None, "Forums"),),
        "designations": (held("architect", "Certified Platform Architect", at("2024-06-01"), "https://learn.example/c/1"),),
        "certifications": (
            held("as", "Automation Specialist", at("2024-03-01"), None, "Learning", at("2027-03-01")),
            held("sa", "Service Administrator", at("2024-06-01"), "https://learn.example/c/2"),
            held("ma", "Migration Associate", at("2020-06-01"), retired=True),
        ),
        "courses": tuple(held(f"c{i}", title, at(day), "https://learn.example/c") for i, (title, day) in enumerate((
            ("Automation, from zero", "2025-05-01"), ("Service desk essentials", "2025-03-01"),
            ("Permissions without tears", "2024-11-01"), ("Migrating at scale", "2024-08-01"),
            ("Writing answers that help", "2024-02-01"), ("Roadmaps people read", "2023-10-01")))),
        "course_count": 9,
        "groups": (
            held("lisbon", "Lisbon Makers", at("2022-01-01"), "https://forum.example/g/1"),
            held("guild", "Automation Guild"),
        ),
        "level": views.LevelView(7, "Guide", 2140, 1500, 2500),
        "kudos": views.KudosView(36, 21, (
            views.KudosNote(
                "Your migration checklist saved our weekend. Twice.", at("2025-05-12"), "Ravi Menon", "/u/ravi",
                views.AvatarView("R")),
            views.KudosNote("Thank you.", at("2025-05-02")),
        )),
        "heatmap": heatmap(),
        "recent": tuple(views.ActivityRow(kind, area, source, title, url, at(day), what)
                        for kind, area, source, title, url, day, what in RECENT),
        "sections": frozenset(views.SECTIONS),
    }
    return views.ProfileView(**(given | changes))


def empty(**changes: Any) -> views.ProfileView:
    """A new member with nothing at all."""
    given: dict[str, Any] = {
        "handle": "nova", "name": "nova", "avatar": views.AvatarView("N"), "member_since": at("2025-06-01"),
        "locale_dir": "ltr", "noindex": False, "unclaimed": False, "only_name": False, "description": "",
    }
    return views.ProfileView(**(given | changes))


def private(**changes: Any) -> views.ProfileView:
    """A private profile as an outsider gets it: a name."""
    return empty(handle="quiet", name="Quiet Quinn", only_name=True, noindex=True, member_since=None, **changes)


def owner(**changes: Any) -> views.OwnerView:
    given: dict[str, Any] = {"private": False, "keep_name": True, "linked": 1, "is_insider": False,
                             "audiences": {"bio": "anyone", "links": "anyone", "email": "only_you"}}
    return views.OwnerView(**(given | changes))


def activity(**changes: Any) -> views.ActivityPage:
    view = full()
    given: dict[str, Any] = {
        "handle": view.handle, "name": view.name, "avatar": view.avatar, "rows": view.recent, "next_cursor": "c2",
        "source": None, "kind": None, "sources": (("forum", "Forums"), ("learning", "Learning")),
        "kinds": (("answer", "Answers"), ("article", "Articles")),
    }
    return views.ActivityPage(**(given | changes))


def badges(**changes: Any) -> views.BadgesPage:
    view = full()
    given: dict[str, Any] = {
        "handle": view.handle, "name": view.name, "avatar": view.avatar, "shelves": view.shelves, "badges": view.badges,
        "courses": view.courses, "certifications": view.certifications,
    }
    return views.BadgesPage(**(given | changes))


def answer_with(monkeypatch: pytest.MonkeyPatch, view: views.ProfileView | views.Moved | None) -> None:
    """Let the services answer so for any handle, and keep nothing, so that the pages alone are looked at."""
    opened = SimpleNamespace(key=None)
    read = profiles.Read(opened, view, ()) if isinstance(view, views.ProfileView) else view     # type: ignore[arg-type]
    for name, answer in (("read_profile", read), ("view_profile", view)):
        monkeypatch.setattr(profiles, name, lambda *args, _answer=answer, **more: _answer)
