"""What programs that read documentation get: llms.txt, the pages as Markdown, and SKILL.md."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tools.site.pages import API, ENGLISH
from tools.site.stage import ROOT

SKILL = ROOT / "docs" / "start" / "SKILL.md"
_COMMENT = re.compile(r"<!--.*?-->\n?", re.S)


def write(site: Path, staged: Path) -> None:
    """Write llms.txt, llms-full.txt, SKILL.md and each English page as Markdown into the site."""
    lines = [f"# {ENGLISH.name}\n", f"> {ENGLISH.description}.\n"]
    whole = []
    for section in ENGLISH.sections:
        lines.append(f"## {section.title}\n")
        for title, source in section.pages:
            path = ENGLISH.paths()[source]
            text = _COMMENT.sub("", (staged / path).read_text("utf-8"))
            target = site / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
            lines.append(f"- [{title}]({path}): {first_sentence(text)}")
            if not source.startswith(API):
                whole.append(text)
        lines.append("")
    (site / "llms.txt").write_text("\n".join(lines), "utf-8")
    (site / "llms-full.txt").write_text("\n\n".join(whole), "utf-8")
    shutil.copyfile(SKILL, site / "SKILL.md")


def first_sentence(text: str) -> str:
    """Return the first sentence of a page's first paragraph, without marks of Markdown."""
    for block in re.split(r"\n{2,}", text):
        if re.match(r"[A-Z`*\[]", block):
            plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(block.split()))
            return re.split(r"(?<=[.:!?])\s", plain)[0].replace("**", "").rstrip(":")
    return ""
