"""How Adjoin asks addresses that people enter: landing pages, images, webhooks, a language model's own server.

Whoever may enter an address must not reach with it what only this machine can reach. `fetch` holds the client,
`addresses` which addresses may be dialled, `urls` which URLs may be asked, `transport` the guard at the moment of
connecting, `bodies` reading within bounds, `errors` what callers see. Nothing is re-exported: `addresses` is light,
and the client brings an HTTP stack with it.
"""
