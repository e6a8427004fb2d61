"""SESSDATA, bili_jct, access_key and appsec show nowhere but where they are handed out."""

from __future__ import annotations

import time
from pathlib import Path

from guanxi.accounts.secrets import TokenKind, new_app, new_token
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.limits import DOCUMENTED
from guanxi.operations.sessions import issue
from guanxi.service.admin import AgreementBody, RevokeBody
from guanxi.service.config import Settings
from guanxi.service.pool import WorkerPlan
from guanxi.service.server import Administration, Plan
from guanxi.testing import running
from tests.counts import LONG
from tests.service.client import call, fresh, raw, secret_of, send
from tests.service.faults import faulty_service
from tests.service.logged import lines_of, logged
from tests.service.scene import Scene

_LOUD = Settings(profile=DOCUMENTED, log_requests=True)


def test_no_log_line_response_or_metric_contains_a_secret(tmp_path: Path) -> None:
    with logged() as lines, faulty_service(tmp_path, _LOUD) as (service, store):
        scene = Scene(service)
        caller = scene.caller
        key = service.access_key(caller.mid)
        appkey, appsec = new_app(secret_of(service))
        secrets = [caller.sessdata, caller.bili_jct, key, appsec, secret_of(service).hex()]
        answers = []
        tokens = {"access_key": key, "appkey": appkey, "sign": appsec, "csrf": caller.bili_jct}
        texts = [RuntimeError(" ".join(secrets)), KeyError(key), None]
        for turn, endpoint in enumerate(ENDPOINTS):
            for error in texts if LONG else (texts[turn % 2], None):
                store.error = None
                fields = scene.fields(endpoint)
                store.error = error
                answers.append(scene.call(endpoint))
                answers.append(call(service, endpoint, caller, {**fields, **tokens}))
                answers.append(call(service, endpoint, None, {"access_key": key, "vmid": key}))
                answers.append(call(service, endpoint, None, f"{key}=%zz&access_key={key}%zz"))
            for path in (f"/{key}", f"/x/relation/{caller.sessdata}", "/docs/x"):
                answers.append(send(service.base_url, "GET", path, query={"SESSDATA": key}))
        raw(service.base_url, f"{key} {caller.sessdata}\r\n\r\n".encode(), half=True)
        assert {answer.code for answer in answers} >= {0, -101, -400, -403, -404, -503, -504}
        shown = [answer.raw.decode() + repr(answer.headers) for answer in answers]
    events = [line["event"] for line in lines_of(lines)]
    assert events.count("request") > 100
    assert events.count("failed") > 50
    for secret in secrets:
        assert secret not in lines.getvalue()
        assert not [one for one in shown if secret in one]
    assert "zz" not in lines.getvalue(), "no line holds a query"


def test_no_metrics_label_contains_a_secret() -> None:
    with running() as service:
        [caller] = fresh(service)
        for endpoint in ENDPOINTS:
            call(service, endpoint, caller, {"access_key": caller.sessdata})
            send(service.base_url, "GET", f"{endpoint.path}/{caller.sessdata}")
        bearer = {"Authorization": f"Bearer {service.admin_token}"}
        exposition = send(service.admin_url, "GET", "/metrics", headers=bearer).raw.decode()
        assert 'endpoint="none"' in exposition
        for secret in (caller.sessdata, caller.bili_jct, service.admin_token):
            assert secret not in exposition
        labels = {line.partition("{")[2].partition("}")[0] for line in exposition.splitlines()}
        assert all(str(caller.mid) not in label for label in labels)


def test_no_repr_shows_a_secret() -> None:
    token = new_token()
    with running() as service:
        [caller] = fresh(service)
        now = int(time.time())
        limits = DOCUMENTED.limits
        issued = service.do(lambda store: issue(store, caller.mid, TokenKind.COOKIE, limits, now))
        shown = [repr(one) + str(one) for one in (service, caller, issued)]
        secrets = [caller.sessdata, caller.bili_jct, issued.token, issued.bili_jct]
        secrets += [service.admin_token, token]
    administration = Administration(token)
    password = new_token()
    secrets.append(password)
    plan = Plan(f"postgresql://me:{password}@host/name", administration=administration)
    shown.append(repr(WorkerPlan(plan.store, plan.settings, 3, 4, 5)))
    shown += [repr(administration), str(plan), f"{plan!r}"]
    shown += [repr(RevokeBody(token)), repr(AgreementBody(key=token, mid=1))]
    for secret in secrets:
        assert not [one for one in shown if secret in one]
