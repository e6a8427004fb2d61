"""Print each new follower of an account. Runs until Ctrl-C.

    python notify_new_followers.py session.json followers.json [SECONDS]

session.json has a browser's cookies: SESSDATA, bili_jct, DedeUserID, buvid3 and buvid4. It is read
for every request, so that another program can renew them. followers.json keeps who was seen, so
that follows made while this script is not running are printed at the next start.
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
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(sorted(mids)), "utf-8")
        new.replace(self.path)  # in one step: Ctrl-C may come at any time


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
        me.keep(now.keys())
        print(f"{len(now)} followers", flush=True)
        await asyncio.sleep(float(seconds))


try:
    sync(main(*sys.argv[1:]))
except KeyboardInterrupt:
    print("stopped")
