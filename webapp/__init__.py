"""Vitrine's application: store (database), services (verbs), pages (HTML), app (wiring), cli, ops. Importing this does nothing."""
