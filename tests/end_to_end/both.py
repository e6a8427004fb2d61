"""A program for the documented module, run with another library's and with ours.

Its caller inserts the line that imports the module as ``user``. It prints the results by name.
"""

import asyncio
import json
import os

credential = user.Credential(
    sessdata=os.environ["GUANXI_SESSDATA"],
    bili_jct=os.environ["GUANXI_BILI_JCT"],
    dedeuserid=os.environ["MID"],
    buvid3="a",
    buvid4="b",
)
me = user.User(int(os.environ["MID"]), credential)
other = user.User(int(os.environ["OTHER"]), credential)

OF_USERS = {
    "get_user_info": (),
    "get_relation_info": (),
    "get_up_stat": (),
    "get_space_notice": (),
    "get_top_videos": (),
    "get_masterpiece": (),
    "get_user_medal": (),
    "get_live_info": (),
    "get_videos": (),
    "get_media_list": (),
    "get_audios": (),
    "get_album": (),
    "get_articles": (),
    "get_article_list": (),
    "get_dynamics": (),
    "get_dynamics_new": (),
    "get_subscribed_bangumi": (),
    "get_followings": (),
    "get_all_followings": (),
    "get_followers": (),
    "get_self_same_followers": (),
    "top_followers": (),
    "get_overview_stat": (),
    "get_relation": (),
    "get_user_fav_tag": (),
    "get_cheese": (),
    "get_reservation": (),
    "get_elec_user_monthly": (),
    "get_uplikeimg": (),
    "get_opus": (),
}
OF_CALLER = {
    "get_self_info": (),
    "get_self_history": (),
    "get_self_coins": (),
    "get_self_special_followings": (),
    "get_self_whisper_followings": (),
    "get_self_friends": (),
    "get_self_black_list": (),
    "get_toview_list": (),
    "get_self_jury_info": (),
    "get_self_login_log": (),
    "get_self_moral_log": (),
    "get_self_experience_log": (),
}


async def main():
    results = {}

    async def record(name, call):
        try:
            results[name] = await call()
        except Exception as error:
            # Our module has a class for each code, so compare the codes.
            results[name] = {"error": getattr(error, "code", type(error).__name__)}

    for name, args in OF_USERS.items():
        for whose, of in (("mine", me), ("other's", other)):
            await record(f"{whose} {name}", lambda of=of, n=name, a=args: getattr(of, n)(*a))
    for name in OF_CALLER:
        await record(name, lambda n=name: getattr(user, n)(credential=credential))
    await record("get_self_history_new", lambda: user.get_self_history_new(credential))
    await record(
        "get_self_notes_info",
        lambda: user.get_self_notes_info(1, 20, credential),
    )
    await record(
        "get_self_public_notes_info",
        lambda: user.get_self_public_notes_info(1, 20, credential),
    )
    await record("check_nickname", lambda: user.check_nickname("没人用的名字"))
    await record("name2uid", lambda: user.name2uid(["Warma", "没有"], credential))
    await record("channels", channels)
    await record("get_videos, found", lambda: me.get_videos(keyword="日", pn=1, ps=5))
    await record("get_videos, by views", lambda: me.get_videos(order=user.VideoOrder.VIEW))
    await record("get_followings, oldest", lambda: me.get_followings(order=user.OrderType.asc))

    # Write, then read back.
    await record("set_space_notice", lambda: me.set_space_notice("新的公告"))
    await record("get_space_notice again", me.get_space_notice)
    await record(
        "edit_self_info",
        lambda: user.edit_self_info("2000-02-29", "保密", "新名字", "新签名", credential),
    )
    await record("get_self_info again", lambda: user.get_self_info(credential))
    await record(
        "delete_viewed_videos_from_toview",
        lambda: user.delete_viewed_videos_from_toview(credential),
    )
    await record("get_toview_list again", lambda: user.get_toview_list(credential))
    await record("clear_toview_list", lambda: user.clear_toview_list(credential))
    await record("get_toview_list empty", lambda: user.get_toview_list(credential))
    print(json.dumps(results, ensure_ascii=False))


async def channels():
    found = []
    for channel in await me.get_channels():
        videos = await channel.get_videos(ps=3)
        found.append([channel.get_id(), channel.meta["name"], videos])
    return found


asyncio.run(main())
