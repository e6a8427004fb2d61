"""A layer around a store: every verb of the port, delegated unless a subclass defines it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from guanxi.stores.port import Store

Verb = TypeVar("Verb", bound=Callable[..., Any])


class _Delegated:
    """The verb of the layer's store, which the layer's own dictionary keeps once it was used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, layer: Layer, _: type[Layer]) -> Any:
        verb = layer.__dict__[self._name] = getattr(layer.store, self._name)
        return verb


def _delegated(verb: Verb) -> Verb:
    """Return a descriptor for ``verb``, with its type."""
    return cast(Verb, _Delegated(verb.__name__))


class Layer:
    """A store that delegates every verb to ``store``; subclasses define those that they change."""

    def __init__(self, store: Store) -> None:
        self.store = store
        #: Who has the secret. Each request reads it, so that the layers between are passed over.
        self._keeper = store
        if isinstance(store, Layer) and type(store).secret is Layer.secret:
            self._keeper = store._keeper

    @property
    def secret(self) -> bytes:
        return self._keeper.secret

    change = _delegated(Store.change)
    page = _delegated(Store.page)
    members = _delegated(Store.members)
    search = _delegated(Store.search)
    common = _delegated(Store.common)
    known_followers = _delegated(Store.known_followers)
    suggestions = _delegated(Store.suggestions)
    pair = _delegated(Store.pair)
    pairs = _delegated(Store.pairs)
    requests = _delegated(Store.requests)
    sent_requests = _delegated(Store.sent_requests)
    relations = _delegated(Store.relations)
    attributes = _delegated(Store.attributes)
    tally = _delegated(Store.tally)
    groups = _delegated(Store.groups)
    visit = _delegated(Store.visit)
    flush_visits = _delegated(Store.flush_visits)
    account = _delegated(Store.account)
    accounts_of = _delegated(Store.accounts_of)
    created = _delegated(Store.created)
    cards = _delegated(Store.cards)
    briefs = _delegated(Store.briefs)
    tails = _delegated(Store.tails)
    edit_account = _delegated(Store.edit_account)
    open_session = _delegated(Store.open_session)
    session = _delegated(Store.session)
    sessions_of = _delegated(Store.sessions_of)
    use_sessions = _delegated(Store.use_sessions)
    close_session = _delegated(Store.close_session)
    close_sessions = _delegated(Store.close_sessions)
    mids = _delegated(Store.mids)
    put_grant = _delegated(Store.put_grant)
    take_grant = _delegated(Store.take_grant)
    put = _delegated(Store.put)
    get = _delegated(Store.get)
    find = _delegated(Store.find)
    documents_of = _delegated(Store.documents_of)
    documents = _delegated(Store.documents)
    count = _delegated(Store.count)
    counts = _delegated(Store.counts)
    total = _delegated(Store.total)
    delete = _delegated(Store.delete)
    set_changes = _delegated(Store.set_changes)
    changes = _delegated(Store.changes)
    trim_changes = _delegated(Store.trim_changes)
    changes_status = _delegated(Store.changes_status)
    mark_restored = _delegated(Store.mark_restored)
    put_admin_token = _delegated(Store.put_admin_token)
    admin_token = _delegated(Store.admin_token)
    admin_tokens = _delegated(Store.admin_tokens)
    delete_admin_token = _delegated(Store.delete_admin_token)
    append_audit = _delegated(Store.append_audit)
    end_audit = _delegated(Store.end_audit)
    audit = _delegated(Store.audit)
    trim_audit = _delegated(Store.trim_audit)
    refresh_secret = _delegated(Store.refresh_secret)
    erase = _delegated(Store.erase)
    erasure = _delegated(Store.erasure)
    erasures = _delegated(Store.erasures)
    put_erasures = _delegated(Store.put_erasures)
    import_edges = _delegated(Store.import_edges)
    put_edges = _delegated(Store.put_edges)
    count_edges = _delegated(Store.count_edges)
    edges = _delegated(Store.edges)
    accounts = _delegated(Store.accounts)
    put_accounts = _delegated(Store.put_accounts)
    list_accounts = _delegated(Store.list_accounts)
    about = _delegated(Store.about)
    pending_requests = _delegated(Store.pending_requests)
    put_requests = _delegated(Store.put_requests)
    owned_groups = _delegated(Store.owned_groups)
    entries = _delegated(Store.entries)
    sessions = _delegated(Store.sessions)
    note = _delegated(Store.note)
    put_note = _delegated(Store.put_note)
    check = _delegated(Store.check)
    info = _delegated(Store.info)
    watch_waits = _delegated(Store.watch_waits)
    forget = _delegated(Store.forget)
    ready = _delegated(Store.ready)
    close = _delegated(Store.close)
