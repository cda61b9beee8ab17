"""What stands at the head of every answer: a page of the app runs its own scripts, asks nobody else, in no frame."""

import base64
import hashlib
import re
from pathlib import Path

from streamlit import file_util

Headers = list[tuple[bytes, bytes]]

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def security_headers() -> Headers:
    """Return the headers, for the Streamlit that is installed."""
    index = Path(file_util.get_static_dir()) / "index.html"
    texts = {
        "content-security-policy": content_security_policy(index.read_text(encoding="utf-8")),
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",  # other sites' pages cannot show the app's pictures
    }
    return [(name.encode(), value.encode()) for name, value in texts.items()]


def content_security_policy(index: str) -> str:
    """Return the policy under which Streamlit's page runs, without `unsafe-eval` and without other hosts.

    Streamlit styles by inline style elements, loads a component's script from a blob: address, and draws charts by an
    interpreter that needs no eval. WebAssembly is not allowed: protobuf.js tries it for 64-bit products, and can do
    without.

    Args:
        index: its page, whose inline scripts are allowed by their hashes (CSP Level 3, 6.7.3.3).
    """
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in _INLINE.findall(index)
    ]
    directives = {
        "default-src": ["'none'"],
        "script-src": ["'self'", "blob:", *hashes],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "media-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(" ".join([name, *sources]) for name, sources in directives.items())
