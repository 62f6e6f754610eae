"""The consent page of a sandbox, as a person sees it in a browser.

Programs, which do not ask for HTML, are answered as before: the sandbox consents by itself.
"""

from __future__ import annotations

import re
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

__all__ = ["consent_screen"]

_SEPARATORS = re.compile(r"[\s,]+")
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Allow access? - {title} sandbox</title>
<style>
:root {{ --line: #DDE2EC; --panel: #F4F6FA; --primary: #3B5BDB; --on: #fff; --note: #596276 }}
@media (prefers-color-scheme: dark) {{
  :root {{ --line: #2A3448; --panel: #182033; --primary: #748FFC; --on: #0F1420; --note: #AEB8CA }}
}}
* {{ box-sizing: border-box }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 0; min-height: 100vh; display: grid; place-items: center }}
main {{ width: min(28rem, 100vw - 2rem); padding: 2rem; border: 1px solid var(--line); border-radius: .75rem }}
.brand {{ font-size: .875rem; color: var(--note); margin: 0 0 1.5rem }}
h1 {{ font-size: 1.35rem; line-height: 1.3; margin: 0 0 .75rem }}
ul {{ margin: 0 0 1.25rem; padding: .75rem 1rem .75rem 2rem; background: var(--panel); border-radius: .5rem }}
li {{ overflow-wrap: anywhere }}
.note {{ font-size: .875rem; color: var(--note); margin: 0 0 1.5rem; overflow-wrap: anywhere }}
form {{ display: flex; gap: .75rem; justify-content: flex-end }}
button {{ font: inherit; font-weight: 600; padding: .5rem 1.25rem; border-radius: .5rem; cursor: pointer;
  border: 1px solid var(--line); background: none; color: inherit }}
button[name=allow] {{ background: var(--primary); border-color: var(--primary); color: var(--on) }}
button:focus-visible {{ outline: 3px solid var(--primary); outline-offset: 2px }}
</style>
</head>
<body>
<main>
<p class="brand">{title} &middot; sandbox</p>
<h1>&ldquo;{app}&rdquo; wants to read your ad accounts</h1>
<p>It asks for:</p>
<ul>{scopes}</ul>
<p class="note">This is a stand-in on this machine with a made-up advertiser. Your answer goes to {back}.</p>
<form method="get">{fields}
<button name="deny" value="1">Deny</button>
<button name="allow" value="1">Allow</button>
</form>
</main>
</body>
</html>
"""


def consent_screen(request: Request, *, title: str) -> Response | None:
    """Return the page that asks a person, or None where a program asks or the person has answered.

    The answer is the same request once more with `allow=1` or `deny=1`.
    """
    given = request.query_params
    if "text/html" not in request.headers.get("accept", "") or "allow" in given or "deny" in given:
        return None
    scopes = [scope for scope in _SEPARATORS.split(given.get("scope", "")) if scope]
    listed = "".join(f"<li>{escape(scope)}</li>" for scope in scopes) or "<li>what the app is set up for</li>"
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in given.multi_items()
    )
    page = _PAGE.format(
        title=escape(title),
        app=escape(given.get("client_id", "somebody")),
        scopes=listed,
        back=escape(given.get("redirect_uri", "nowhere").partition("?")[0]),
        fields=fields,
    )
    return HTMLResponse(page, headers=_HEADERS)
