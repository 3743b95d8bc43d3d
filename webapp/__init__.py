"""Vitrine's application: store (database), services (verbs), pages (HTML), ops, app (wiring).."""
