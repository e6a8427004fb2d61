"""A Django project in one file, with a follow graph: its users are Django's, with their sessions.

Run it with `uvicorn django_app:app`.
"""

from __future__ import annotations

import os
import secrets
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, JsonResponse

settings.configure(
    SECRET_KEY=os.environ.get("SECRET_KEY") or secrets.token_hex(),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.db"}},
)
django.setup()

from django.contrib import auth  # noqa: E402 - after the settings
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import parse_cookie  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402

from guanxi import Graph  # noqa: E402
from guanxi.embed import application  # noqa: E402

call_command("migrate", verbosity=0)
graph: Graph


@csrf_exempt  # a page of yours has the csrf token of its form
async def sign_up(request: HttpRequest) -> JsonResponse:
    name, password = request.POST["name"], request.POST["password"]
    user = await auth.get_user_model().objects.acreate_user(name, password=password)
    await graph.put_account(user.pk, name=name)
    return JsonResponse({"mid": user.pk})


@csrf_exempt
async def sign_in(request: HttpRequest) -> JsonResponse:
    user = await auth.aauthenticate(
        request, username=request.POST["name"], password=request.POST["password"]
    )
    if user is None:
        return JsonResponse({"error": "wrong name or password"}, status=401)
    await auth.alogin(request, user)
    return JsonResponse({"mid": user.pk})


async def home(request: HttpRequest) -> JsonResponse:
    user = await request.auser()
    if not user.is_authenticated:
        return JsonResponse({"error": "sign in first"}, status=401)
    page = await graph.following(user.pk, limit=20)
    return JsonResponse({"following": [item.name for item in page.items]})


urlpatterns = [path("sign-up", sign_up), path("sign-in", sign_in), path("", home)]


@sync_to_async
def mid_of(scope: Any) -> int | None:
    """Return who sent a request to /graph, by Django's session."""
    cookies = parse_cookie(dict(scope["headers"]).get(b"cookie", b"").decode("latin-1"))
    request = HttpRequest()
    request.session = SessionStore(cookies.get(settings.SESSION_COOKIE_NAME))
    user = auth.get_user(request)
    return user.pk if user.is_authenticated else None


django_application = get_asgi_application()


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Send /graph to guanxi and the rest to Django, and open the graph for as long as it runs."""
    global graph
    if scope["type"] == "lifespan":
        await receive()
        async with Graph.open("graph.db") as graph:
            scope["state"]["mounted"] = application(graph.store, caller=mid_of)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["path"].startswith("/graph/"):
        mounted = scope["state"]["mounted"]
        await mounted({**scope, "root_path": "/graph"}, receive, send)
    else:
        await django_application(scope, receive, send)
