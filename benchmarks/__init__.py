"""Comparisons behind the goals of docs/requirements.md (G1-G13), printed as ratios. Nothing here is a test."""
