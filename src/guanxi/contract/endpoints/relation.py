"""Relations: lists, acts, groups."""

from __future__ import annotations

from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.endpoint import Count, Endpoint, Envelope, Host, Login, Pages, Paging

_COUNTED = Pages(total="total")
_LIST_CODES = frozenset({-101, -400})
_CSRF_CODES = frozenset({-101, -111, -400})
_MEMBER_CODES = _CSRF_CODES | {22104, 22105}
_MEMBER_MESSAGES = {22104: errors.NO_PERMISSION_MESSAGE}

FOLLOWERS = Endpoint(
    name="relation.followers",
    method="GET",
    path="/x/relation/followers",
    params=p.FollowersParams,
    data=s.RelationPage,
    paging=Paging.NUMBERED,
    pages=_COUNTED,
    header_rule=True,
    own_codes=_LIST_CODES | {-352, 22118},
    summary="Who follows an account, newest first; the first 1,000.",
    seed="004, 查询用户粉丝明细",
)
FOLLOWINGS = Endpoint(
    name="relation.followings",
    method="GET",
    path="/x/relation/followings",
    params=p.FollowingsParams,
    data=s.RelationPage,
    paging=Paging.NUMBERED,
    pages=_COUNTED,
    header_rule=True,
    own_codes=_LIST_CODES | {-352, 22115},
    summary="Whom an account follows, newest first; of another's the first 100.",
    seed="004, 查询用户关注明细",
)
APP_FOLLOWINGS = Endpoint(
    name="relation.app_followings",
    method="GET",
    host=Host.APP,
    path="/x/v2/relation/followings",
    params=p.FollowersParams,
    data=s.AppPage,
    login=Login.NONE,
    auth=frozenset(),
    paging=Paging.NUMBERED,
    pages=_COUNTED,
    referer=None,
    own_codes=frozenset({-400, 22007}),
    summary="Whom an account follows, from the app. host, without a sign-in; 5 pages.",
    seed="004, 查询用户关注明细2",
)
GAME_FOLLOWINGS = Endpoint(
    name="relation.game_followings",
    method="GET",
    host=Host.GAME,
    path="/game/center/h5/user/relationship/following_list",
    params=p.GameParams,
    data=s.GamePage,
    login=Login.NONE,
    auth=frozenset(),
    envelope=Envelope.GAME,
    paging=Paging.NUMBERED,
    pages=Pages(count=Count(endpoint="relation.stat", param="vmid", of="vmid", path="following")),
    referer=None,
    own_codes=frozenset({-400}),
    summary="Whom an account follows, from the biligame host, without a sign-in.",
    seed="004, 查询用户关注明细3",
)
SEARCH = Endpoint(
    name="relation.search",
    method="GET",
    path="/x/relation/followings/search",
    params=p.SearchParams,
    data=s.RelationPage,
    paging=Paging.NUMBERED,
    pages=_COUNTED,
    own_codes=frozenset({-400, 22007}),
    summary="Followings of an account whose name contains a text; 5 pages.",
    seed="004, 搜索关注明细",
)
SAME = Endpoint(
    name="relation.same",
    method="GET",
    path="/x/relation/same/followings",
    params=p.SameParams,
    data=s.RelationPage,
    paging=Paging.NUMBERED,
    pages=_COUNTED,
    own_codes=_LIST_CODES,
    summary="The accounts that the caller and an account both follow, in the account's order.",
    seed="004, 查询共同关注明细",
)
WHISPERS = Endpoint(
    name="relation.whispers",
    method="GET",
    path="/x/relation/whispers",
    params=p.ListParams,
    data=s.UncountedPage,
    paging=Paging.WHOLE,
    own_codes=_LIST_CODES,
    summary="The accounts that the caller follows privately (only imports create these).",
    seed="004, 查询悄悄关注明细",
)
FRIENDS = Endpoint(
    name="relation.friends",
    method="GET",
    path="/x/relation/friends",
    params=p.ListParams,
    data=s.UncountedPage,
    paging=Paging.WHOLE,
    own_codes=_LIST_CODES,
    summary="The accounts that the caller follows and that follow the caller.",
    seed="004, 查询互相关注明细",
)
BLACKS = Endpoint(
    name="relation.blacks",
    method="GET",
    path="/x/relation/blacks",
    params=p.OwnPage,
    data=s.RelationPage,
    paging=Paging.NUMBERED,
    pages=_COUNTED,
    own_codes=_LIST_CODES,
    summary="The accounts that the caller blocks.",
    seed="004, 查询黑名单明细",
)
MODIFY = Endpoint(
    name="relation.modify",
    method="POST",
    path="/x/relation/modify",
    params=p.ModifyParams,
    own_codes=_CSRF_CODES | {-102, 22001, 22002, 22003, 22009, 22013, 22014, 22015, 22120, 40061},
    elsewhere=frozenset({22015}),
    summary="Follow, unfollow, block, unblock or remove one account.",
    seed="004, 操作用户关系; 22009 and 22015 by user reports",
)
BATCH_MODIFY = Endpoint(
    name="relation.batch_modify",
    method="POST",
    path="/x/relation/batch/modify",
    params=p.BatchParams,
    aliases={"fid": "fids"},
    data=s.FailedFids,
    own_codes=_CSRF_CODES | {-102, 22003},
    messages={22003: errors.BATCH_BLACKLIST_MESSAGE},
    summary="Follow or block many accounts; returns the refused ones.",
    seed="004, 批量操作用户关系",
)
RELATION = Endpoint(
    name="relation.get",
    method="GET",
    path="/x/relation",
    params=p.Target,
    data=s.Relation,
    own_codes=_LIST_CODES,
    summary="The caller's relation to one account.",
    seed="004, 查询用户与自己关系（仅关注）",
)
MUTUAL = Endpoint(
    name="relation.mutual",
    method="GET",
    path="/x/space/wbi/acc/relation",
    params=p.Account,
    data=s.MutualRelation,
    wbi=True,
    own_codes=_LIST_CODES,
    summary="Both directions between the caller and one account.",
    seed="004, 查询用户与自己关系（互相关系）",
)
LEGACY_MUTUAL = Endpoint(
    name="relation.legacy_mutual",
    method="GET",
    path="/x/space/acc/relation",
    params=p.Account,
    data=s.LegacyMutualRelation,
    own_codes=_LIST_CODES,
    summary="Both directions, at the address that document 004 strikes out; no signature.",
    seed="002, 查询用户与自己关系2(互相)",
)
RELATIONS = Endpoint(
    name="relation.many",
    method="GET",
    path="/x/relation/relations",
    params=p.ManyTargets,
    aliases={"fid": "fids"},
    data=dict[str, s.Relation],
    own_codes=_LIST_CODES,
    summary="The caller's relations to many accounts, by mid; those with attribute 0 are left out.",
    seed="004, 批量查询用户与自己关系",
)
GROUPS = Endpoint(
    name="relation.groups",
    method="GET",
    path="/x/relation/tags",
    data=list[s.Group],
    own_codes=frozenset({-101}),
    summary="The caller's groups: special, default, then their own.",
    seed="004, 查询关注分组列表",
)
GROUP_MEMBERS = Endpoint(
    name="relation.group_members",
    method="GET",
    path="/x/relation/tag",
    params=p.GroupParams,
    data=list[s.GroupMember],
    cursor_data=s.GroupMemberPage,
    paging=Paging.NUMBERED,
    pages=Pages(items=("",)),
    own_codes=_LIST_CODES | {22104},
    summary="The members of one of the caller's groups.",
    seed="004, 查询关注分组明细",
)
GROUPS_OF = Endpoint(
    name="relation.groups_of",
    method="GET",
    path="/x/relation/tag/user",
    params=p.Target,
    data=dict[str, str],
    own_codes=_LIST_CODES,
    summary="The names, by id, of the caller's groups that contain one account.",
    seed="004, 查询目标用户所在的分组",
)
SPECIALS = Endpoint(
    name="relation.specials",
    method="GET",
    path="/x/relation/tag/special",
    params=p.ListParams,
    data=list[int],
    cursor_data=s.MidPage,
    paging=Paging.WHOLE,
    pages=Pages(items=("",), key=()),
    own_codes=frozenset({-101}),
    summary="The mids that the caller follows specially.",
    seed="004, 查询所有特别关注 mid",
)
CREATE_GROUP = Endpoint(
    name="relation.create_group",
    method="POST",
    path="/x/relation/tag/create",
    params=p.NewGroup,
    data=s.GroupCreated,
    own_codes=_CSRF_CODES | {22103, 22106},
    summary="Create a group.",
    seed="004, 创建分组",
)
RENAME_GROUP = Endpoint(
    name="relation.rename_group",
    method="POST",
    path="/x/relation/tag/update",
    params=p.RenameGroup,
    own_codes=_CSRF_CODES | {22103, 22104, 22106},
    summary="Rename a group.",
    seed="004, 重命名分组; 22106 is ours",
)
DELETE_GROUP = Endpoint(
    name="relation.delete_group",
    method="POST",
    path="/x/relation/tag/del",
    params=p.OldGroup,
    own_codes=_CSRF_CODES,
    summary="Delete a group; its members stay followed.",
    seed="004, 删除分组",
)
SET_MEMBERS = Endpoint(
    name="relation.set_groups",
    method="POST",
    path="/x/relation/tags/addUsers",
    params=p.MembersParams,
    own_codes=_MEMBER_CODES,
    messages=_MEMBER_MESSAGES,
    summary="Set the groups of followed accounts: exactly these.",
    seed="004, 修改分组成员",
)
COPY_MEMBERS = Endpoint(
    name="relation.copy_to_groups",
    method="POST",
    path="/x/relation/tags/copyUsers",
    params=p.MembersParams,
    own_codes=_MEMBER_CODES,
    messages=_MEMBER_MESSAGES,
    summary="Add followed accounts to groups; their other groups stay.",
    seed="004, 复制关注到分组",
)
MOVE_MEMBERS = Endpoint(
    name="relation.move_between_groups",
    method="POST",
    path="/x/relation/tags/moveUsers",
    params=p.MoveParams,
    own_codes=_MEMBER_CODES,
    messages=_MEMBER_MESSAGES,
    summary="Move followed accounts from some groups to others.",
    seed="004, 移动关注到分组",
)
STAT = Endpoint(
    name="relation.stat",
    method="GET",
    path="/x/relation/stat",
    params=p.Viewed,
    data=s.Stat,
    login=Login.OPTIONAL,
    own_codes=frozenset({-400}),
    summary="The numbers of an account's followings and followers.",
    seed="000, get_relation_info",
)

#: The 24 endpoints of document 004: what "the documented relation API" means.
DOCUMENTED_RELATION = (
    FOLLOWERS, FOLLOWINGS, APP_FOLLOWINGS, GAME_FOLLOWINGS, SEARCH, SAME, WHISPERS, FRIENDS,
    BLACKS, MODIFY, BATCH_MODIFY, RELATION, MUTUAL, RELATIONS, GROUPS, GROUP_MEMBERS, GROUPS_OF,
    SPECIALS, CREATE_GROUP, RENAME_GROUP, DELETE_GROUP, SET_MEMBERS, COPY_MEMBERS, MOVE_MEMBERS,
)  # fmt: skip
