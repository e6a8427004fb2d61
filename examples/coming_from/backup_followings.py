"""Back up whom an account follows to a CSV file.

    SESSDATA=... BILI_JCT=... python backup_followings.py UID followings.csv

The pages of another account's list end early; the accounts after that are saved by their id alone.
"""

import asyncio
import csv
import os
import sys
from datetime import datetime, timezone

from bilibili_api import Credential, user
from bilibili_api.exceptions import ApiException, NetworkException, ResponseCodeException

PAGE_TOO_DEEP = 22007
FOLLOWINGS_HIDDEN = 22115
FIELDS = ["mid", "uname", "followed_at", "special", "mutual", "sign"]


async def shown_followings(someone):
    """Return what the pages of the list show, until a page is empty or refused."""
    shown = []
    for pn in range(1, 10_000):
        try:
            page = await someone.get_followings(pn, 50, False, user.OrderType.desc)
        except ResponseCodeException as e:
            if e.code != PAGE_TOO_DEEP:
                raise
            print(f"page {pn} is not shown: {e.msg}", file=sys.stderr)
            break
        if not page["list"]:
            break
        shown += page["list"]
    return shown


def row_of(item):
    followed_at = datetime.fromtimestamp(item["mtime"], timezone.utc)
    return {
        "mid": item["mid"],
        "uname": item["uname"],
        "followed_at": followed_at.isoformat(),
        "special": item["special"],
        "mutual": int(item["attribute"] == 6),
        "sign": item["sign"],
    }


async def main():
    uid, path = sys.argv[1:]
    credential = Credential(os.environ["SESSDATA"], os.environ["BILI_JCT"])
    try:
        someone = user.User(uid, credential)
        shown = await shown_followings(someone)
        rows = {item["mid"]: row_of(item) for item in shown}
        for mid in await someone.get_all_followings():
            rows.setdefault(mid, {"mid": mid})
    except NetworkException as e:
        sys.exit(f"the server answered with HTTP {e.status}; try again later")
    except ResponseCodeException as e:
        reason = "hides its followings" if e.code == FOLLOWINGS_HIDDEN else f"{e.code}: {e.msg}"
        sys.exit(f"{uid} {reason}")
    except ApiException as e:
        sys.exit(f"{uid}: {e}")
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        table = csv.DictWriter(file, FIELDS)
        table.writeheader()
        table.writerows(rows.values())
    print(f"{len(rows)} followings of {someone.get_uid()}, {len(shown)} with details")


asyncio.run(main())
