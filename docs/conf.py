"""The documentation site: `sphinx-build -W docs build/docs` (extra `docs`). Its examples are executed on the way."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

from bottomup import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
# Quiet, and the same on every machine: no window, no progress bars, one thread for each library.
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("COLUMNS", "100")
warnings.filterwarnings("ignore", message=".*FigureCanvasAgg is non-interactive.*")

project = "bottomup"
author = "the bottomup authors"
copyright = "the bottomup authors"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    "reference_pages",
    "mathml",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "examples/README.txt"]
nitpicky = False

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say types, shapes and units
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "remove_config_comments": True,
    "plot_gallery": True,
    "matplotlib_animations": False,
    "within_subsection_order": "FileNameSortKey",
    "default_thumb_file": str(HERE / "photographer.jpg"),
}

html_math_renderer = "native"
html_theme = "furo"
html_title = f"bottomup {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6e4f", "color-brand-content": "#0b6e4f"},
    "dark_css_variables": {"color-brand-primary": "#5fd3a8", "color-brand-content": "#5fd3a8"},
}
