"""Sphinx's configuration of the manual: `uv run --group docs sphinx-build -W --keep-going docs build/docs`.

Nothing is fetched, neither when the pages are built nor when they are read: no fonts, no scripts and no inventories
from elsewhere, and formulas are MathML, which browsers draw themselves.
"""

import sys
from pathlib import Path

import ensemble_cam

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

project = "Ensemble-CAM"
author = "Ensemble-CAM contributors"
version = release = ensemble_cam.__version__
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "mathml",
]

myst_enable_extensions = ["amsmath", "attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

# Docstrings are written for people who read code: `name` is code, whatever it names.
default_role = "code"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

# A name that nobody explains is an error; those of other packages are explained by their own manuals.
nitpicky = True
# Types that no caller makes: a public film has the file's own greys, a network its own cuts.
_INNER = (
    "film.greyscale.Greys",
    "classifiers.torch_cuts.Cut",
    "api.explaining.Keywords",
    "settings.methods.RolloutOptions",
)
nitpick_ignore = [("py:class", f"ensemble_cam.{name}") for name in _INNER] + [("py:class", "PictureSource")]
nitpick_ignore_regex = [(r"py:.*", r"(collections|numpy|np|os|pandas|pathlib|PIL|torch|typing)\..*")]

sphinx_gallery_conf = {
    "examples_dirs": str(DOCS.parent / "examples"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"[/\\]plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    # What a block ends with is shown as a notebook shows it.
    "capture_repr": ("_repr_html_", "__repr__"),
    "ignore_repr_types": r"matplotlib\.",
    "reset_modules": ("matplotlib",),
    "download_all_examples": False,
    "write_computation_times": False,
    "show_signature": False,
    "min_reported_time": 600,
    "default_thumb_file": str(DOCS / "pictures" / "figure.png"),
}

html_theme = "pydata_sphinx_theme"
html_title = f"{project} {version}"
html_static_path = ["_static"]
html_css_files = ["manual.css"]
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "auto"}
# Pages without others beside them have no list of these.
html_sidebars = {name: [] for name in ("index", "troubleshooting", "architecture", "contributing")}
html_theme_options = {
    "logo": {"text": project},
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 8,
    "navigation_with_keys": False,
    "footer_start": [],
    "footer_end": [],
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
