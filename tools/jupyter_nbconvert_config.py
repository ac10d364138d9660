"""nbconvert and mkdocs-jupyter read this with JUPYTER_CONFIG_DIR=tools: chapters become
HTML that needs no network.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

c = get_config()  # noqa: F821
c.HTMLExporter.default_preprocessors.append("reading.Reading")
c.HTMLExporter.mathjax_url = ""
c.HTMLExporter.require_js_url = ""
c.HTMLExporter.exclude_input_prompt = True  # no cell has a number
c.HTMLExporter.exclude_output_prompt = True
