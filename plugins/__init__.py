"""Shipped plugins, one file or folder each. They import `policies` and third-party packages, nothing else of ours."""
