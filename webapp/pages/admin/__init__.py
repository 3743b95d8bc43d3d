"""The admin area: its blueprint with all its pages, and its tabs in their order. A new page adds two lines here."""

from __future__ import annotations

from webapp.pages.admin import (
    _front,
    apps,
    audit,
    badges,
    domains,
    kudos,
    levels,
    matrix,
    members,
    organization_members,
    organizations,
    overview,
    plugins,
    site,
    sources,
)
from webapp.pages.admin._frame import ORGANIZATION_TABS, SITE_TABS, Tab, blueprint

SITE_TABS += [
    Tab("overview", "Overview", "admin.overview"),
    Tab("members", "Members", "admin.members"),
    Tab("matrix", "Default visibility", "admin.matrix"),
    Tab("levels", "Levels", "admin.levels"),
    Tab("organizations", "Organizations", "admin.organizations_page"),
    Tab("sources", "Sources", "admin.sources"),
    Tab("site", "Site", "admin.site"),
    Tab("apps", "Apps", "admin.site_apps"),
    Tab("plugins", "Plugins", "admin.plugins"),
    Tab("badges", "Badges", "admin.badge_rules"),
    Tab("kudos", "Kudos", "admin.kudos"),
    Tab("audit", "Audit log", "admin.audit"),
]
ORGANIZATION_TABS += [
    Tab("organization", "Organization", "admin.organization"),
    Tab("organization_members", "Members", "admin.organization_members"),
    Tab("matrix", "Default visibility", "admin.organization_matrix"),
    Tab("organization_apps", "Apps", "admin.organization_apps"),
    Tab("audit", "Audit log", "admin.organization_audit"),
]

__all__ = [
    "_front",
    "apps",
    "audit",
    "badges",
    "blueprint",
    "domains",
    "kudos",
    "levels",
    "matrix",
    "members",
    "organization_members",
    "organizations",
    "overview",
    "plugins",
    "site",
    "sources",
]
