"""Scheduled reports: figures that people and programs are sent at set times, as mail, PDF and messages.

`terms` says what a report is about, `timing` when it is sent. `figures` asks for what is in it and `readiness` looks at
how far the data can be trusted; `content` writes both for one reader, and `html`, `pdf` and `messages` put that into
form. `defining` is what members may change, `sending` sends what is due.
"""
