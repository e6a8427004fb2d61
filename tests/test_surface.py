"""The public names and their signatures are those of tests/surface.txt; CHANGELOG.md has a line."""

from __future__ import annotations

from guanxi import __version__
from tools import changelog, surface

CHANGELOG = (surface.ROOT / "CHANGELOG.md").read_text("utf-8")
KEPT = surface.FILE.read_text("utf-8")


def test_the_surface_changes_only_with_a_line_in_the_changelog() -> None:
    """If this fails: python -m tools.surface 'words of the new line in CHANGELOG.md'."""
    words = surface.words_of(KEPT)
    now = surface.surface(words)
    assert {*now.splitlines()} ^ {*KEPT.splitlines()} == set()
    assert now == KEPT
    assert surface.is_in_changelog(words, CHANGELOG)


def test_words_that_the_newest_version_lacks_do_not_count() -> None:
    text = "## Unreleased\n\n- A new\n  verb.\n\n## 0.1.0 - 2026-01-31\n\n- An old verb.\n"
    assert surface.is_in_changelog("A new verb.", text)
    assert not surface.is_in_changelog("An old verb.", text)
    assert not surface.is_in_changelog("", text)


def test_the_surface_has_clients_their_methods_and_settings() -> None:
    lines = KEPT.splitlines()
    assert any(line.startswith("class guanxi.SyncClient(object) (*, credential") for line in lines)
    assert any(line.startswith("guanxi.SyncGraph.follow(self, actor: 'int'") for line in lines)
    assert "class guanxi.AlreadyFollowing(ResponseCodeException)" in lines
    assert any(line.startswith("guanxi.user.User.get_relation_info(") for line in lines)
    assert " at 0x" not in KEPT


def test_the_changelog_is_one() -> None:
    assert changelog.faults(CHANGELOG) == []
    assert next(iter(changelog.versions(CHANGELOG))) in {"Unreleased", __version__}
    text = "## [0.2.0] - 2026-02-01\n\n### Added\n\n- x\n\n### Added\n\n### News\n\n## 0.1.0\n"
    assert changelog.versions(text)["0.2.0"].startswith("### Added")
    assert changelog.faults(text) == [
        "0.1.0: a version has its date, as 0.1.0 - 2026-01-31",
        "0.2.0: News",
        "0.2.0: a part is there twice",
    ]
