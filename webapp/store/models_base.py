"""What every model is made of. No table: those are in models.py and the models_<area>.py files."""

from __future__ import annotations

import peewee as pw


class Base(pw.Model):
    class Meta:
        legacy_table_names = False
