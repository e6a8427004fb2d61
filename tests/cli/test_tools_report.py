"""``guanxi report``: writes the page in the user's language and says where."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.runner import error_of, output_of
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive


def test_a_report_in_each_language(tmp_path: Path) -> None:
    with new_archive(tmp_path) as archive:
        add_snapshot(archive, DAY, followings=[item(2, name="二")], followers=[])
    page = tmp_path / "r.html"
    assert output_of("report", "-o", page, "--archive", archive.path).startswith(f"wrote {page} (")
    assert '<html lang="en">' in page.read_text("utf-8")
    options = ("-o", page, "--archive", archive.path, "--json")
    data = json.loads(output_of("report", *options, GUANXI_LANG="zh"))
    assert data == {"schema_version": 1, "file": str(page), "bytes": page.stat().st_size}
    assert '<html lang="zh-CN">' in page.read_text("utf-8")
    assert "二" in page.read_text("utf-8")


def test_refusals(tmp_path: Path) -> None:
    with new_archive(tmp_path) as archive:
        pass
    page = tmp_path / "r.html"
    assert "guanxi backup first" in error_of("report", "-o", page, "--archive", archive.path)
    assert not page.exists()
    with new_archive(tmp_path) as archive:
        add_snapshot(archive, DAY, followings=[item(2)])
    missing = tmp_path / "no" / "r.html"
    assert "No such file" in error_of("report", "-o", missing, "--archive", archive.path)
