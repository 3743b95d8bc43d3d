"""Who lives in the demo community: invented people at reserved domains, what they did, what they said. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Role:
    """One demo account. `shows` is what it is there for; counts are of events; texts are columns of its record.

    linked_to: handle of its primary; silent: not shown as part of that profile
    learned, held: titles of courses, and of (kind, title) certifications, designations, groups and badges
    """

    handle: str
    name: str
    shows: str
    email: str = ""
    joined_days: int = 900
    linked_to: str = ""
    silent: bool = False
    private: bool = False
    keep_name: bool = True
    answers: int = 0
    accepted: int = 0
    questions: int = 0
    articles: int = 0
    discussions: int = 0
    comments: int = 0
    likes: int = 0
    kudos: int = 0
    attended: int = 0
    learned: tuple[str, ...] = ()
    held: tuple[tuple[str, str], ...] = ()
    products: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    picture: bool = True
    record: dict[str, str] = field(default_factory=dict)
    level: str = ""         # of every field of the record: anyone | organization | only_you; "": its default


ORGANIZATION = ("acme", "Acme Corp", "acme.example")

COURSES = (
    "Automation, from zero", "Boards that people read", "Migrations without tears", "Writing a good answer",
    "Accessible forms", "Queries for the curious", "Moderating with kindness", "Service desks that listen",
)  # fmt: skip

CAST: tuple[Role, ...] = (
    Role(
        "sally", "Sally Marsh", "every section of a profile; linked with her work account: 27 + 57 = 84 answers",
        email="sally@example.org", joined_days=2400, answers=27, accepted=9, questions=6, articles=4, discussions=3,
        comments=30, likes=120, kudos=14, attended=6, learned=COURSES[:4],
        held=(
            ("designation", "Certified Platform Architect"), ("certification", "Automation Specialist"),
            ("certification", "Service Administrator"), ("group", "Lisbon Makers"), ("group", "Accessibility Circle"),
            ("badge", "Founding member"), ("badge", "Calm in a storm"),
        ),
        products=("Tracker", "Automation", "Service Desk", "Wiki"),
        links=(
            ("https://sally.example", "My workshop notes"), ("https://code.example/sally", ""),
            ("mailto:hello@sally.example", ""),
        ),
        record={
            "job_title": "Community architect", "organization": "Marsh & Daughters", "location": "Lisbon, Portugal",
            "timezone": "Europe/Lisbon",
            "bio": "I help teams move house: boards, rules, old tickets and all.\n\n"
            "Most of my answers start with a question. If one of them saved your weekend, tell me how you spent it.",
        },
    ),
    Role(
        "sally-acme", "Sally Marsh", "the managed account linked to Sally; colleagues at Acme see its work details",
        email="sally@acme.example", joined_days=1100, linked_to="sally", answers=57, accepted=21, questions=4,
        articles=2, comments=40, likes=210, kudos=9, attended=2, learned=(COURSES[2], COURSES[5], COURSES[7]),
        held=(
            ("certification", "Migration Associate"), ("group", "Automation Guild"), ("group", "Lisbon Makers"),
            ("badge", "Hundred-day streak"),
        ),
        record={
            "job_title": "Principal engineer", "department": "Platform", "organization": "Acme Corp",
            "location": "Acme Lisbon, 4th floor", "timezone": "Europe/Lisbon",
        },
    ),
    Role(
        "ines", "Inês Duarte", "a managed account of Acme Corp: what Anyone and what colleagues see differs",
        email="ines@acme.example", joined_days=700, answers=12, accepted=3, questions=9, comments=15, likes=33, kudos=2,
        attended=3, learned=(COURSES[0], COURSES[7]), held=(("group", "Automation Guild"),), products=("Service Desk",),
        record={
            "job_title": "Support lead", "department": "Customer care", "organization": "Acme Corp",
            "location": "Porto, Portugal", "timezone": "Europe/Lisbon", "bio": "Second line, first name.",
        },
    ),
    Role(
        "ravi", "Ravi Menon", "a primary with a silent linked account: its numbers count, nothing else shows",
        email="ravi@example.org", joined_days=1500, answers=140, accepted=48, questions=12, articles=11, comments=90,
        likes=480, kudos=31, attended=9, learned=COURSES[1:7],
        held=(("certification", "Service Administrator"), ("group", "Query Club"), ("badge", "Night owl")),
        products=("Tracker", "Query Builder"), links=(("https://ravi.example/blog", "Blog"),),
        record={"job_title": "Database wrangler", "location": "Kochi, India", "timezone": "Asia/Kolkata",
                "bio": "If it has rows, I like it."},
    ),
    Role(
        "nightshift", "R. M.", "the silent account of Ravi: a page of its own",
        email="nightshift@example.org", joined_days=600, linked_to="ravi", silent=True, answers=16, accepted=4,
        questions=2, comments=12, likes=41, kudos=3, picture=False,
    ),
    Role(
        "mira", "Mira Olsen", "a private profile: name and picture stay, nothing else shows",
        email="mira@example.org", joined_days=1000, private=True, answers=33, accepted=8, questions=5, comments=20,
        likes=75, kudos=6, learned=(COURSES[3],), held=(("group", "Accessibility Circle"),),
        record={"bio": "Only I can read this.", "location": "Bergen, Norway", "timezone": "Europe/Oslo"},
    ),
    Role(
        "tomas", "Tomáš Veld", "a private profile with the box unticked: answers like an unknown handle",
        email="tomas@example.org", joined_days=800, private=True, keep_name=False, answers=21, likes=30, comments=11,
        record={"bio": "Nobody else can read this."}, picture=False,
    ),
    Role(
        "old-hand", "Old Hand", "an unclaimed account, as an import makes it: nobody can log in",
        joined_days=3000, answers=64, accepted=20, questions=18, comments=55, likes=190,
        held=(("badge", "Teacher"), ("badge", "Scholar")), record={"location": "Somewhere north"}, picture=False,
    ),
    Role("nia", "Nia Okafor", "a new member: empty sections", email="nia@example.org", joined_days=0, picture=False),
    Role(
        "leila-haddad", "ليلى حداد", "a name and texts written from right to left",
        email="leila@example.org", joined_days=500, answers=18, accepted=6, questions=7, articles=3, comments=14,
        likes=66, kudos=7, learned=(COURSES[4],), held=(("group", "دائرة الوصول الرقمي"),), products=("Wiki",),
        record={"job_title": "مهندسة برمجيات", "organization": "ورشة الشمس", "location": "عمّان، الأردن",
                "timezone": "Asia/Amman", "bio": "أكتب عن البرمجيات التي يستطيع الجميع استخدامها."},
    ),
    Role(
        "maximiliana", "Maximiliana Alexandrina von Hohenstein-Wolkenburg zu Rabenau und Lichtenfels",
        "long names everywhere", email="maximiliana@example.org", joined_days=1200, answers=11, questions=3, likes=26,
        kudos=2, comments=8, learned=(COURSES[6],),
        held=(
            ("group", "Society for the Careful Maintenance of Very Long Names in Very Narrow Columns"),
            ("certification", "Certified Practitioner of Interdepartmental Workflow Harmonization, Level Three"),
        ),
        products=("Enterprise Resource Harmonization Suite", "Wiki"),
        links=(("https://a-very-long-host-name-that-goes-on-and-on.maximiliana.example/with/a/long/path", ""),),
        record={
            "job_title": "Deputy Vice President for Interdepartmental Workflow Harmonization and Internal Affairs",
            "organization": "Vereinigte Wolkenburger Donaudampfschifffahrtsgesellschaften und Lichtenfelser Werke",
            "location": "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch, Wales",
            "bio": "Nomenclature " * 30,
        },
    ),
    Role(
        "otto", "Otto Brandt", "a heavy contributor: thousands of posts, the highest level",
        email="otto@example.org", joined_days=3600, answers=2600, accepted=1100, questions=140, articles=60,
        discussions=80, comments=1500, likes=5200, kudos=160, attended=24, learned=COURSES,
        held=(
            ("designation", "Certified Platform Architect"), ("certification", "Automation Specialist"),
            ("certification", "Service Administrator"), ("certification", "Migration Associate"),
            ("group", "Automation Guild"), ("group", "Query Club"), ("badge", "Founding member"), ("badge", "Legend"),
        ),
        products=("Tracker", "Automation", "Service Desk", "Wiki", "Query Builder"),
        links=(("https://otto.example", ""),),
        record={"job_title": "Retired, supposedly", "location": "Jena, Germany", "timezone": "Europe/Berlin",
                "bio": "I answer before breakfast."},
    ),
)  # fmt: skip

#: For authors of apps: every cell of both tables of levels (docs/api.md).
CELLS: tuple[Role, ...] = tuple([
    Role(
        f"cell-{kind}-{level.replace('_', '-') or 'default'}",
        f"{kind.capitalize()} {level.replace('_', ' ') or 'default'}",
        f"a {kind} account, every field at {level.replace('_', ' ') or 'its default'}",
        email=f"{kind}.{level or 'default'}@{'acme.example' if kind == 'managed' else 'example.org'}", joined_days=400,
        answers=1, level=level,
        record={
            "job_title": "Test pilot", "department": "Apps", "organization": "Acme Corp", "location": "Testville",
            "timezone": "Europe/Lisbon",
        },
    )
    for kind, levels in (
        ("managed", ("", "anyone", "organization", "only_you")), ("personal", ("", "anyone", "only_you")),
    )
    for level in levels
])  # fmt: skip
CAST += CELLS

TITLES = (
    "How do I copy a rule between projects?", "Two boards, one backlog: is it wise?",
    "Why does the import stop at row 400?",
    "Can a form hide a field until it is needed?", "Which permissions does a guest really need?",
    "The search finds archived pages first", "How to undo a bulk change", "A webhook arrives twice",
    "Moving 12 projects in one weekend", "Time zones in due dates", "Is there a keyboard shortcut for this?",
    "The export has the wrong encoding", "How do you name your automations?", "A dashboard that loads in a second",
    "What belongs in a template?", "Notifications: fewer, please", "Sorting by two columns", "Attachments over 100 MB",
    "Screen reader skips the menu", "How do I archive without losing links?",
)  # fmt: skip
ARTICLES = (
    "A migration checklist you can steal", "Ten automations worth having", "What I learnt from 500 tickets",
    "Boards for people who dislike boards", "Plain words in service desks", "Contrast is not a matter of taste",
)  # fmt: skip
EVENTS = (
    "Lisbon Makers, spring meetup", "Automation day", "Query Club, online", "Accessibility Circle workshop",
    "Community summit", "Show and tell",
)  # fmt: skip
KUDOS = (
    "Your migration checklist saved our weekend. Twice.", "Thank you for the patience with my fifth question.",
    "You turned a rant into a bug report. Impressive.", "The clearest explanation of permissions I have read.",
    "Thanks for staying on the call until it worked.", "You made our forms usable for everybody.",
    "I copied your template and looked clever all day.", "شكراً على الشرح الواضح!",
)  # fmt: skip
