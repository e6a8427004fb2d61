"""Export what your account did to JSON files, one for each log.

    SESSDATA=... BILI_JCT=... DEDEUSERID=... python export_history.py FOLDER [SIZE]

SIZE is how many videos a page has.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from bilibili_api import Credential, exceptions, user

LOGS = {
    "coins": user.get_self_coins,
    "experience": user.get_self_experience_log,
    "logins": user.get_self_login_log,
    "moral": user.get_self_moral_log,
    "jury": user.get_self_jury_info,
    "watch_later": user.get_toview_list,
}


async def viewed(credential):
    entries, view_at, oid = [], None, None
    while True:
        page = await user.get_self_history_new(credential, user.HistoryType.ALL, 30, view_at, oid)
        if not page["list"]:
            return entries
        entries += page["list"]
        view_at, oid = page["cursor"]["view_at"], page["cursor"]["max"]


async def watched(credential, size):
    videos, pn = [], 1
    while page := await user.get_self_history(pn, size, credential):
        videos += page
        pn += 1
    return videos


async def notes(credential):
    """Return every note, until a page has no list."""
    found, pn = [], 1
    while page := (await user.get_self_notes_info(pn, 10, credential))["list"]:
        found += page
        pn += 1
    return found


async def main(path, size="50"):
    credential = Credential()
    credential.sessdata = os.environ["SESSDATA"]
    credential.bili_jct = os.environ["BILI_JCT"]
    credential.dedeuserid = os.environ.get("DEDEUSERID")
    try:
        if await credential.check_refresh():
            print("the session is old: sign in again soon")
    except exceptions.ResponseCodeException as e:
        sys.exit(f"{e.code}: {e.msg}")
    names = [*LOGS, "viewed", "watched", "notes"]
    jobs = [log(credential) for log in LOGS.values()]
    jobs += [viewed(credential), watched(credential, int(size)), notes(credential)]
    for name, result in zip(names, await asyncio.gather(*jobs, return_exceptions=True)):
        if isinstance(result, exceptions.CredentialNoDedeUserIDException):
            print(f"{name}: set DEDEUSERID")
        elif isinstance(result, exceptions.ArgsException):
            print(f"{name}: bad argument: {result.msg}")
        elif isinstance(result, Exception):
            raise result
        else:
            text = json.dumps(result, ensure_ascii=False, indent=1)
            Path(path, f"{name}.json").write_text(text, "utf-8")


os.makedirs(sys.argv[1], exist_ok=True)
asyncio.run(main(*sys.argv[1:]))
