"""Alerts: rules that watch figures and syncs, and tell people when something is so and when it is over.

`terms` says what a rule watches, `judging` finds out whether it is so, `states` what follows, `checking` does it for
all rules that are due. `messages` writes what people and programs are told, `telling` puts it on its way, `delivery`
posts it. `rules` and `targets` are what members may change.
"""
