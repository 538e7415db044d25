"""Sphinx settings of the documentation site: Markdown pages, notebooks with their stored output, API from docstrings.

``make site`` builds it into build/site. Nothing is fetched, neither then nor by the pages.
"""

from __future__ import annotations

from importlib import metadata

project = "jitgym"
author = "jitgym contributors"
release = metadata.version("jitgym")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
exclude_patterns = ["*.py"]
templates_path = ["templates"]

html_theme = "furo"
html_title = "jitgym"
html_static_path = []
html_copy_source = False

nb_execution_mode = "off"  # the tests execute them
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]  # links to sources, which lie outside the site

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
