"""The client side: contract + a transport -> calls, async and sync.

``aio`` is written; ``sync`` is made from it by ``make generate`` and never edited. What both share
stands beside them and does no I/O: conversations, requests, answers, credentials, pace.
"""
