"""Which page is where on the site: two trees, English and Chinese, each ordered by reader."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

from guanxi.text import Language


class Section(NamedTuple):
    """A part of a tree: its title, and its pages, each the title in the navigation and the file."""

    title: str
    pages: tuple[tuple[str, str], ...]


class Tree(NamedTuple):
    """The pages of one language; ``folder`` is where it lies on the site, "" for the root."""

    language: Language
    folder: str
    name: str
    description: str
    sections: tuple[Section, ...]

    def paths(self) -> dict[str, str]:
        """Return the path in the tree of each page, by its path in the repository."""
        return {source: path_of(source) for section in self.sections for _, source in section.pages}


#: The path in a tree of each page whose file is not in docs/, or is named otherwise there.
_RENAMED = {
    "docs/start/index.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
    "docs/cli.zh-CN.md": "cli.md",
    "docs/configuration.zh-CN.md": "configuration.md",
}
#: The folder of the pages of the Python API, which `make generate` writes.
API = "docs/api/"

ENGLISH = Tree(
    "en",
    "",
    "guanxi",
    "A user-relation service that you run yourself, its Python SDK, and tools for long lists",
    (
        Section(
            "Start",
            (
                ("What guanxi is", "docs/start/index.md"),
                ("Install", "docs/start/install.md"),
                ("First five minutes", "docs/start/first-minutes.md"),
                ("What it looks like", "docs/start/pictures.md"),
            ),
        ),
        Section(
            "Manage your followings",
            (
                ("Who left in the last month", "docs/tutorials/who-left.md"),
                ("Move to another account", "docs/tutorials/move-followings.md"),
                ("The commands", "docs/tools.md"),
                ("The pages", "docs/pages.md"),
            ),
        ),
        Section(
            "Use the SDK and the user module",
            (
                ("The SDK", "docs/sdk/index.md"),
                ("Relations", "docs/relation.md"),
                ("Spaces", "docs/space.md"),
                ("Your own account", "docs/me.md"),
                ("Signing in", "docs/login.md"),
                ("The user module", "docs/user-module.md"),
                ("Coming from bilibili-api", "docs/coming-from-bilibili-api.md"),
            ),
        ),
        Section(
            "Test a client",
            (
                ("Test a bot against risk control", "docs/tutorials/risk-control.md"),
                ("The emulator", "docs/testing.md"),
            ),
        ),
        Section(
            "A follow graph in your product",
            (
                ("Followers and a feed in FastAPI", "docs/tutorials/fastapi.md"),
                ("Inside your program", "docs/embedding.md"),
                ("The service", "docs/service.md"),
                ("Content", "docs/content.md"),
                ("Erasing an account", "docs/erasure.md"),
                ("Deploying", "docs/deploying.md"),
                ("Operating", "docs/operating.md"),
                ("Past one machine", "docs/scaling.md"),
            ),
        ),
        Section(
            "Reference",
            (
                ("Endpoints", "docs/endpoints.md"),
                ("Codes", "docs/codes.md"),
                ("Limits", "docs/limits.md"),
                ("Commands", "docs/cli.md"),
                ("Configuration", "docs/configuration.md"),
                ("Kinds of content", "docs/content-kinds.md"),
                ("The five documents", "docs/documents.md"),
                ("Coverage", "docs/coverage.md"),
                ("Python: clients", f"{API}guanxi.md"),
                ("Python: guanxi.user", f"{API}user.md"),
                ("Python: Graph", f"{API}embed.md"),
                ("Python: guanxi.testing", f"{API}testing.md"),
                ("Python: guanxi.toolbox", f"{API}toolbox.md"),
                ("Python: errors", f"{API}exceptions.md"),
            ),
        ),
        Section(
            "Understand",
            (
                ("How it compares", "docs/comparison.md"),
                ("How it is put together", "docs/architecture.md"),
                ("What it promises", "docs/promises.md"),
                ("Versions and support", "docs/versioning.md"),
                ("What was tried to break it", "docs/reliability.md"),
                ("How fast it is", "docs/performance.md"),
                ("What is protected", "docs/security.md"),
                ("Dependencies, and why", "docs/dependencies.md"),
            ),
        ),
        Section(
            "Contribute",
            (
                ("Contributing", "CONTRIBUTING.md"),
                ("Code of conduct", "CODE_OF_CONDUCT.md"),
                ("Changes", "CHANGELOG.md"),
                ("Reporting a vulnerability", "SECURITY.md"),
            ),
        ),
    ),
)

CHINESE = Tree(
    "zh",
    "zh",
    "guanxi 关系",
    "可以自己部署的用户关系服务、它的 Python SDK，以及管理长关注列表的工具",
    (
        Section(
            "开始",
            (
                ("guanxi 是什么", "docs/zh/index.md"),
                ("安装", "docs/zh/start/install.md"),
                ("头五分钟", "docs/zh/start/first-minutes.md"),
                ("看看界面", "docs/zh/start/pictures.md"),
            ),
        ),
        Section(
            "管理你的关注",
            (
                ("上个月谁离开了", "docs/zh/tutorials/who-left.md"),
                ("把关注搬到另一个账号", "docs/zh/tutorials/move-followings.md"),
                ("命令", "docs/zh/tools.md"),
                ("网页", "docs/zh/pages.md"),
            ),
        ),
        Section(
            "使用 SDK 与 user 模块",
            (
                ("SDK", "docs/zh/sdk/index.md"),
                ("user 模块", "docs/zh/user-module.md"),
                ("从 bilibili-api 迁移", "docs/zh/coming-from-bilibili-api.md"),
                ("登录", "docs/zh/login.md"),
            ),
        ),
        Section(
            "测试客户端",
            (
                ("让机器人先遇上风控", "docs/zh/tutorials/risk-control.md"),
                ("模拟器", "docs/zh/testing.md"),
            ),
        ),
        Section(
            "参考",
            (
                ("命令一览", "docs/cli.zh-CN.md"),
                ("配置", "docs/configuration.zh-CN.md"),
            ),
        ),
    ),
)

TREES = (ENGLISH, CHINESE)


def path_of(source: str) -> str:
    """Return the path in its tree of a page of the repository."""
    if source in _RENAMED:
        return _RENAMED[source]
    return source.removeprefix("docs/").removeprefix("zh/")


def twin_of(path: str, other: Tree) -> str:
    """Return the path of the same page in the other tree, or of that tree's start page."""
    return path if path in other.paths().values() else "index.md"


def address_of(path: str) -> str:
    """Return the address in its tree of the page at a path: a folder, "" for the start page."""
    page = PurePosixPath(path)
    folder = page.parent if page.name == "index.md" else page.with_suffix("")
    return "" if str(folder) == "." else f"{folder}/"
