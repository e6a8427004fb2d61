"""Sort the followings of your account into groups, by rules in a JSON file.

    SESSDATA=... BILI_JCT=... python sort_into_groups.py rules.json

rules.json has the ids of each group: {"Music": ["116683"], "Companies": ["420831218"]}. Accounts
that you do not follow yet are followed first. Companies that no rule names go to "Organisations".
The ids of the created groups are kept in groups.json, next to the rules.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from bilibili_api import Credential, user
from bilibili_api.exceptions import ResponseCodeException
from bilibili_api.user import RelationType, User

NOT_FOLLOWING, GROUP_EXISTS = 22105, 22106
AT_ONCE = 20

credential = Credential(os.environ["SESSDATA"], os.environ["BILI_JCT"])


async def group_id(name, known):
    """Return the id of a group; create it if it is not known."""
    if name not in known:
        try:
            created = await user.create_subscribe_group(name, credential)
        except ResponseCodeException as e:
            if e.code == GROUP_EXISTS:
                advice = f"{e.msg}: put the id of {name} into groups.json"
                raise ResponseCodeException(code=e.code, msg=advice) from e
            raise
        known[name] = str(created["tagid"])
    return known[name]


async def put(uids, group):
    """Put accounts into a group, a few at a time; follow those that are not followed."""
    for start in range(0, len(uids), AT_ONCE):
        some = uids[start : start + AT_ONCE]
        try:
            await user.set_subscribe_group(some, [group], credential)
        except ResponseCodeException as e:
            if e.code != NOT_FOLLOWING:
                raise
            jobs = [User(uid, credential).modify_relation(RelationType.SUBSCRIBE) for uid in some]
            await asyncio.gather(*jobs, return_exceptions=True)
            await user.set_subscribe_group(some, [group], credential)


async def main():
    rules_file = Path(sys.argv[1])
    state_file = rules_file.with_name("groups.json")
    rules = json.loads(rules_file.read_text("utf-8"))
    known = json.loads(state_file.read_text("utf-8")) if state_file.exists() else {}
    me = User((await user.get_self_info(credential))["mid"], credential)
    named = {uid for uids in rules.values() for uid in uids}
    rules["Organisations"], pn = [], 1
    while (page := await me.get_followings(pn, 50))["list"]:
        for item in page["list"]:
            if item["official_verify"]["type"] == 1 and str(item["mid"]) not in named:
                rules["Organisations"].append(str(item["mid"]))
        pn += 1
    try:
        for name, uids in rules.items():
            await put(uids, await group_id(name, known))
            print(f"{name}: {len(uids)}")
    except ResponseCodeException as e:
        sys.exit(f"{e.code}: {e.msg}")
    finally:
        state_file.write_text(json.dumps(known, ensure_ascii=False), "utf-8")


asyncio.run(main())
