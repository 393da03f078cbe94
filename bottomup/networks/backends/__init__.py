"""Runtimes that a network runs in: one file each, behind the protocol in `base`."""
