"""Write the folders that zensical builds: pages whose links hold on the site, and settings.

In the repository a page links to files as a forge shows them. On the site a link to a page of the
same tree stays one; a page of the other tree gets its address; a picture is copied; and every other
file of the repository, code above all, becomes a page of its own below ``source/``.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import shutil
from pathlib import Path, PurePosixPath

from tools.site.pages import ENGLISH, TREES, Tree, address_of, path_of

ROOT = Path(__file__).resolve().parents[2]
#: A fenced block, or an inline code span: links in them are text.
_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.M | re.S)
#: The target of a link or of a picture, in Markdown or in HTML.
_TARGET = re.compile(r"(?<=\]\()([^)\s]+)(?=\))|(?<=src=\")([^\"]+)|(?<=srcset=\")([^\"]+)")
#: The end of a line within a Chinese sentence, which a browser would show as a space.
_WRAPPED = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef])\n *(?=[\u3000-\u9fff\uff00-\uffef])")
_PICTURES = {".png", ".svg", ".webp", ".gif", ".jpg"}
_TAGS = {
    ".py": "python",
    ".md": "markdown",
    ".toml": "toml",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".sh": "bash",
    ".html": "html",
    ".sql": "sql",
}
_STYLE = "pictures/site.css"
#: The READMEs are the start pages on the site.
_INSTEAD = {"README.md": "docs/start/index.md", "README.zh-CN.md": "docs/zh/index.md"}


def stage(tree: Tree, folder: Path) -> None:
    """Write a tree's pages, pictures and settings into ``folder``, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = Stage(tree, folder / "docs")
    for source in tree.paths():
        pages.add(source)
    pages.add_sources()
    style = folder / "docs" / _STYLE
    style.parent.mkdir(exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("site.css"), style)
    (folder / "zensical.toml").write_text(settings(tree), "utf-8")


class Stage:
    """The pages of a tree as they are written into a folder."""

    def __init__(self, tree: Tree, folder: Path) -> None:
        self._tree = tree
        self._folder = folder
        self._paths = tree.paths()
        self._others = {
            source: other for other in TREES if other is not tree for source in other.paths()
        }
        #: The files of the repository that pages link to, and that are no pages.
        self._sources: set[str] = set()

    def add(self, source: str) -> None:
        """Write a page of the repository."""
        text = (ROOT / source).read_text("utf-8")
        self._write(self._paths[source], self._relinked(text, source))

    def add_sources(self) -> None:
        """Write a page for each file or folder that pages link to. The search leaves them out."""
        for source in sorted(self._sources):
            self._write(_source_page(source), _shown(source))

    def _write(self, path: str, text: str) -> None:
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")

    def _relinked(self, text: str, source: str) -> str:
        """Return a page's text with links that hold on the site."""
        written, position = [], 0
        for code in _CODE.finditer(text):
            written += [self._with_links(text[position : code.start()], source), code[0]]
            position = code.end()
        return "".join([*written, self._with_links(text[position:], source)])

    def _with_links(self, text: str, source: str) -> str:
        text = _TARGET.sub(lambda found: self._target(found[0], source), text)
        return _WRAPPED.sub("", text)

    def _target(self, target: str, source: str) -> str:
        """Return a link's target for the site."""
        address, mark, anchor = target.partition("#")
        if not address or re.match(r"[a-z]+:", address):
            return target
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), address))
        wanted = _INSTEAD.get(wanted, wanted)
        here = posixpath.dirname(self._paths[source]) or "."
        if wanted in self._paths:
            return posixpath.relpath(self._paths[wanted], here) + mark + anchor
        if wanted in self._others:
            other = self._others[wanted]
            # Relative to the file: zensical makes it relative to the page's address.
            up = "../" * (self._paths[source].count("/") + bool(self._tree.folder))
            below = f"{other.folder}/" if other.folder else ""
            return f"{up}{below}{address_of(path_of(wanted))}{mark}{anchor}"
        if not (ROOT / wanted).exists():
            raise ValueError(f"{source}: no file {target}")
        if PurePosixPath(wanted).suffix in _PICTURES:
            copied = self._folder / "pictures" / PurePosixPath(wanted).name
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / wanted, copied)
            return posixpath.relpath(f"pictures/{copied.name}", here)
        self._sources.add(wanted)
        return posixpath.relpath(_source_page(wanted), here)


def _source_page(source: str) -> str:
    """Return the path of the page of a file or folder of the repository."""
    return f"source/{source}.md"


def _shown(source: str) -> str:
    """Return the page of a file, or of a folder: the names in it."""
    path = ROOT / source
    head = f"---\nsearch:\n  exclude: true\n---\n\n# {source}\n\n"
    if path.is_dir():
        names = sorted(one.name + "/" * one.is_dir() for one in path.iterdir())
        kept = [name for name in names if name[0] != "." and not name.startswith("__pycache__")]
        return head + "".join(f"- `{name}`\n" for name in kept)
    text = path.read_text("utf-8")
    fence = "`" * (max((len(run) for run in re.findall(r"`{3,}", text)), default=2) + 1)
    return f"{head}{fence}{_TAGS.get(path.suffix, 'text')}\n{text}{fence}\n"


def settings(tree: Tree) -> str:
    """Return the settings file of zensical for a tree."""
    quoted = _quoted
    nav = "".join(
        f"  {{ {quoted(section.title)} = ["
        + ", ".join(
            f"{{ {quoted(title)} = {quoted(path_of(page))} }}" for title, page in section.pages
        )
        + "] },\n"
        for section in tree.sections
    )
    return f"""[project]
site_name = {quoted(tree.name)}
site_description = {quoted(tree.description)}
docs_dir = "docs"
site_dir = "site"
use_directory_urls = true
extra_css = [{quoted(_STYLE)}]
nav = [
{nav}]

[project.extra]
generator = false
alternate = [
  {{ name = "English", link = {quoted(_root(tree, ENGLISH))}, lang = "en" }},
  {{ name = "中文", link = {quoted(_root(tree, TREES[1]))}, lang = "zh" }},
]

[project.theme]
language = {quoted(tree.language)}
font = false
features = [
  "content.code.copy", "navigation.footer", "navigation.indexes", "navigation.sections",
  "navigation.tabs", "navigation.top", "search.highlight", "toc.follow",
]

[[project.theme.palette]]
media = "(prefers-color-scheme)"
toggle.icon = "lucide/sun-moon"
toggle.name = {quoted(_SCHEMES[tree.language][0])}
[[project.theme.palette]]
media = "(prefers-color-scheme: light)"
scheme = "default"
toggle.icon = "lucide/sun"
toggle.name = {quoted(_SCHEMES[tree.language][1])}
[[project.theme.palette]]
media = "(prefers-color-scheme: dark)"
scheme = "slate"
toggle.icon = "lucide/moon"
toggle.name = {quoted(_SCHEMES[tree.language][2])}

[project.markdown_extensions]
admonition = {{}}
attr_list = {{}}
md_in_html = {{}}
tables = {{}}
toc.permalink = true
toc.slugify = {{ object = "pymdownx.slugs.slugify", kwds = {{ case = "lower" }} }}
pymdownx.superfences = {{}}
pymdownx.highlight.pygments_lang_class = true
pymdownx.saneheaders = {{}}
"""


_SCHEMES = {
    "en": ("Follow the system", "Light", "Dark"),
    "zh": ("跟随系统", "浅色", "深色"),
}


def _root(here: Tree, there: Tree) -> str:
    """Return the address of a tree's start page, from that of another."""
    up = os.path.relpath(f"/{there.folder}", f"/{here.folder}")
    return f"{up}/"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
