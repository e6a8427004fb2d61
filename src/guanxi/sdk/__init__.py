"""The client side of guanxi: the contract plus a transport, as an async and a sync client.

``aio`` is written by hand; ``make generate`` makes ``sync`` from it, so never edit ``sync``. The
other modules are shared by both and do no I/O: conversations, requests, responses, credentials,
pace.
"""
