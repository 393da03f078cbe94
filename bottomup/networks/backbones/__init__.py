"""Backbones of a field network: one file a family, named in `registry`."""
