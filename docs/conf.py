"""How Sphinx makes the site: `make docs`.

The source folder is the root of the repository, so that a link from a page to a result, a study or
a test is the same on the site and where the repository is read.
"""

import re
import warnings
from pathlib import Path
from typing import Any

from sphinx.addnodes import pending_xref

from brianbridge.version import __version__

# The role for single backticks tries each name, and finds those that have moved.
warnings.filterwarnings("ignore", r"brianbridge\.\S+ is now", FutureWarning)

project = "brianbridge"
author = "The brianbridge developers"
copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_nb",
]
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "docs/**/*.md",
    "docs/api/*.rst",
    "docs/api/**/*.rst",
    "studies/results/*.md",
    "studies/results/growth/*.md",
    "data/README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "RELEASING.md",
]
exclude_patterns = ["docs/_build/**", ".venv/**", "runs/**", "build/**", "dist/**"]
templates_path = ["_templates"]
nitpicky = False

# Python: one page for each name, made from its docstring.
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # the docstrings have them, with shapes and units
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
default_role = "autolink"
add_module_names = False
toc_object_entries = False

# Pages and notebooks.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "cache"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_show_tb = True
nb_output_stderr = "remove"  # progress bars, and what Brian2 says about its choices
nb_merge_streams = True
nb_execution_excludepatterns = []
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = "brianbridge"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["redirect"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0072b2",
        "color-brand-content": "#0072b2",
        "color-api-name": "#0072b2",
    },
    "dark_css_variables": {
        "color-brand-primary": "#56b4e9",
        "color-brand-content": "#56b4e9",
        "color-api-name": "#56b4e9",
    },
}


#: The star of a shape such as ``(samples, *input_shape)``.
_STAR = re.compile(r"(?<![*\\`\w])\*(?=\w+[),])")


def setup(app: Any) -> None:
    """Let links to folders, and to pages that are not on the site, be their text alone."""
    app.connect("doctree-read", _without_links_off_the_site)
    app.connect("autodoc-process-docstring", _with_stars_of_shapes, priority=400)


def _with_stars_of_shapes(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    for number, line in enumerate(lines):
        parts = line.split("`")  # every second one is code
        parts[::2] = [_STAR.sub(r"\\*", part) for part in parts[::2]]
        lines[number] = "`".join(parts)


def _without_links_off_the_site(app: Any, doctree: Any) -> None:
    here = Path(app.env.doc2path(app.env.docname)).parent
    for node in list(doctree.findall(pending_xref)):
        if node["reftype"] != "myst":
            continue
        target = node["reftarget"]
        if node["refdomain"] == "doc":
            off = target not in app.env.found_docs
        else:
            off = not target.startswith("#") and (here / target.partition("#")[0]).is_dir()
        if off:
            node.replace_self(node.children)
