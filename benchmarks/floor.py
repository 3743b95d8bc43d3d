"""The other side of the page comparisons: a bare Flask with `/hello`, and `/floor`, the profile from data in memory."""

from __future__ import annotations

import os
import pickle
import random
from pathlib import Path

from flask import Flask, render_template
from jinja2 import StrictUndefined
from markupsafe import Markup

from webapp.pages._look import register_template_helpers

ROOT = Path(__file__).resolve().parent.parent


def create_app() -> Flask:
    """`BENCH_VIEWS` names a pickle of ProfileViews that were read by the real service beforehand."""
    app = Flask("floor", template_folder=str(ROOT / "templates"), static_folder=None)
    app.jinja_env.undefined = StrictUndefined
    register_template_helpers(app)
    views = pickle.loads(Path(os.environ["BENCH_VIEWS"]).read_bytes())
    rng = random.Random(3)

    @app.get("/hello")
    def hello() -> str:
        return "Hello, World!"

    @app.get("/floor")
    def floor() -> str:
        view = rng.choice(views)
        body = Markup(app.jinja_env.get_template("profile/_body.html").render(view=view))
        return render_template("profile/page.html", view=view, seen_as=None, body=body)

    return app


app = create_app()
