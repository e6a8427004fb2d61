"""Print each new follower of an account. Runs until Ctrl-C.

    python notify_new_followers.py session.json followers.json [SECONDS]

session.json has the cookies of a browser: {"SESSDATA": ..., "bili_jct": ..., "DedeUserID": ...}.
It is read for every request, so that another program can renew them. followers.json keeps who was
seen, so that follows made while this script is not running are printed at the next start.
"""

import asyncio
import json
import sys
from pathlib import Path

from bilibili_api import Credential, request_settings, select_client, sync
from bilibili_api.user import User

select_client("httpx")
request_settings.set_proxy("")
request_settings.set_timeout(20.0)


class BrowserCredential(Credential):
    """The cookies in a file, as they are at the time of each request."""

    def __init__(self, path):
        self.path = Path(path)
        cookies = self.get_cookies()
        uid = int(cookies["DedeUserID"])
        super().__init__(cookies["SESSDATA"], cookies["bili_jct"], dedeuserid=uid)

    def get_cookies(self):
        return json.loads(self.path.read_text("utf-8"))


class Memory:
    """A set of ids in a file."""

    def seen(self, default):
        return json.loads(self.path.read_text("utf-8")) if self.path.exists() else default

    def keep(self, mids):
        self.path.write_text(json.dumps(sorted(mids)), "utf-8")


class WatchedUser(Memory, User):
    """An account whose followers are remembered."""

    def __init__(self, uid, path, credential):
        self.path = Path(path)
        User.__init__(self, uid, credential)

    async def followers(self):
        found, pn = {}, 1
        while (page := await self.get_followers(pn, 50, True))["list"]:
            found |= {item["mid"]: item["uname"] for item in page["list"]}
            pn += 1
        return found


async def main(session, state, seconds="60"):
    credential = BrowserCredential(session)
    if not await credential.check_valid():
        sys.exit("the session is not valid: sign in again")
    me = WatchedUser(credential.dedeuserid, state, credential)
    while True:
        now = await me.followers()
        for mid in sorted(now.keys() - me.seen(now.keys())):
            print(f"new follower: {now[mid]} ({mid})", flush=True)
        print(f"{len(now)} followers", flush=True)
        me.keep(now.keys())
        await asyncio.sleep(float(seconds))


try:
    sync(main(*sys.argv[1:]))
except KeyboardInterrupt:
    print("stopped")
