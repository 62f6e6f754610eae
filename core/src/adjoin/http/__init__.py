"""How Adjoin talks to ad platforms.

`client` holds the API client, `credentials` who keeps and renews the access token, `limiter` the pacing, `verdicts`
what an answer means by its status, `redaction` what must never be shown. Nothing is re-exported: the client brings
an HTTP stack with it, which the other modules do without.
"""
