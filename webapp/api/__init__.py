"""The programs of apps: JSON over bearer tokens, and how they get them. Pages for people are in webapp/pages."""
