"""COPY and ADD with --exclude, --parents, --link, symbolic --chmod and here-documents."""

from __future__ import annotations

import os

import pytest

from boxwright.build.trees import SourceNotFound
from support.building import Workbench

FILES = {
    "dir1/file-101.png": "101",
    "dir1/file-102.txt": "102",
    "dir1/file-103.jpeg": "103",
    "dir2/file-201.pdf": "201",
    "dir2/file-202.jpeg": "202",
    "dir2/file-203.png": "203",
    "dir3/file-301.mp3": "301",
    "dir3/file-302.mpeg": "302",
    "dir3/deep/er/note.txt": "note",
    "home.txt": "home",
    "homely": "homely",
}
STAGE = "FROM scratch AS from\nCOPY . /\nFROM scratch\n"


def names(paths: str) -> list[str]:
    return paths.split()


# -- --exclude

EXCLUDES = [
    (
        "--exclude=*/*.png --exclude=*/*.jpeg --exclude=dir3 --exclude=home* . /1",
        "/1/dir1/file-102.txt /1/dir2/file-201.pdf",
    ),
    ("--exclude=*.mp3 dir3/ /3/", "/3/deep/er/note.txt /3/file-302.mpeg"),
    (
        "--exclude=*.png --exclude=*.jpeg --exclude=deep dir* /4/",
        "/4/file-102.txt /4/file-201.pdf /4/file-301.mp3 /4/file-302.mpeg",
    ),
    ("--exclude=**/*.txt --exclude=*.mp? dir3 /5", "/5/file-302.mpeg"),
    ("--exclude=* --exclude=!deep/er/note.txt dir3 /6", "/6/deep/er/note.txt"),
    ("--exclude=* --exclude=!*.mp3 dir3 /6", "/6/file-301.mp3"),
    ("--exclude=*.txt home* /7/", "/7/homely"),
    ("--exclude=* dir* /8", ""),
    ("--exclude=home.txt home.txt /9/", ""),
]


@pytest.mark.parametrize("keyword", ["COPY", "ADD", "COPY --from=from"])
@pytest.mark.parametrize(("words", "expected"), EXCLUDES, ids=[case[0] for case in EXCLUDES])
def test_what_is_excluded(bench: Workbench, keyword: str, words: str, expected: str) -> None:
    base = STAGE if "from" in keyword else "FROM scratch\n"
    image = bench.build(f"{base}{keyword} {words}\n", FILES)
    assert sorted(image.tree()) == names(expected)
    destination = words.split()[-1].rstrip("/")
    assert f"{destination}/" in image.files(), "the destination is made, whatever is excluded"


def test_directories_that_lost_everything_are_not_copied(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nCOPY --exclude=deep --exclude=!deep/none dir3 /d\n", FILES)
    assert image.files() == names("/d/ /d/file-301.mp3 /d/file-302.mpeg")


def test_the_ignore_file_and_the_flag_both_exclude(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nCOPY --exclude=*.png . /\n", {**FILES, ".dockerignore": "dir[23]\nhome*\n.d*"})
    assert sorted(image.tree()) == names("/dir1/file-101.png /dir1/file-102.txt /dir1/file-103.jpeg")


def test_a_change_of_what_is_excluded_makes_no_difference(bench: Workbench) -> None:
    text = "FROM scratch\nCOPY --exclude=*.png dir1 /\n"
    bench.build(text, FILES)
    assert bench.build(text, {"dir1/file-101.png": "other", "dir1/new.png": "new"}).cached() == [True]
    assert bench.build(text, {"dir1/file-102.txt": "other"}).cached() == [False]


def test_patterns_play_a_part_by_what_they_let_through(bench: Workbench) -> None:
    bench.build("FROM scratch\nCOPY --exclude=*.png dir1 /\n", FILES)
    assert bench.build("FROM scratch\nCOPY --exclude=*101.png dir1 /\n").cached() == [True]
    assert bench.build("FROM scratch\nCOPY --exclude=*.jpeg dir1 /\n").cached() == [False]


# -- --parents

PARENTS = {
    "test/a/b/c/d/foo": "foo",
    "test/a/b/c/d/e/bay": "bay",
    "test/a/b2/c/d/e/bar": "bar",
    "test/a/b/c2/d/e/baz": "baz",
    "test/a/b/c2/d/e2/baz": "baz2",
    "top.go": "top",
    "[x]/f": "odd",
}

PARENT_CASES = [
    ("/test/a/b/./c/d /out/", "/out/c/d/e/bay /out/c/d/foo"),
    ("/test/a/b/c/d/. /out/", "/out/test/a/b/c/d/e/bay /out/test/a/b/c/d/foo"),
    ("./test/a/b/c/d /out/", "/out/test/a/b/c/d/e/bay /out/test/a/b/c/d/foo"),
    ("/test/a/./b/./c /out/", "/out/b/c/d/e/bay /out/b/c/d/foo"),
    ("/test/a/./*/c /out", "/out/b/c/d/e/bay /out/b/c/d/foo /out/b2/c/d/e/bar"),
    ("/test/a/b*/./c/**/e /out/", "/out/c/d/e/bar /out/c/d/e/bay"),
    ("/test/a/b/c*/./d/**/baz /test/a/b*/./c/**/bar /out/", "/out/c/d/e/bar /out/d/e/baz /out/d/e2/baz"),
    (
        "**/ba? /out/",
        "/out/test/a/b/c/d/e/bay /out/test/a/b/c2/d/e/baz /out/test/a/b/c2/d/e2/baz /out/test/a/b2/c/d/e/bar",
    ),
    ("top.go /out", "/out/top.go"),
    ("test/a/b/c/d/foo top.go /out", "/out/test/a/b/c/d/foo /out/top.go"),
    ("*.none **/none none/*/./x /out", ""),
    ("[[]x]/f /out", "/out/[x]/f"),
    ("--exclude=**/e test/a/b/c /out", "/out/test/a/b/c/d/foo"),
    ("--exclude=d/e test/a/b/./c/d /out", "/out/c/d/e/bay /out/c/d/foo"),
    ("--exclude=c/d/e test/a/b/./c/d /out", "/out/c/d/foo"),
    ("test/a/./ /out", "/out/b/c/d/e/bay /out/b/c/d/foo /out/b/c2/d/e/baz /out/b/c2/d/e2/baz /out/b2/c/d/e/bar"),
]


@pytest.mark.parametrize("keyword", ["COPY", "COPY --from=from"])
@pytest.mark.parametrize(("words", "expected"), PARENT_CASES, ids=[case[0] for case in PARENT_CASES])
def test_parents(bench: Workbench, keyword: str, words: str, expected: str) -> None:
    base = STAGE if "from" in keyword else "FROM scratch\n"
    image = bench.build(f"{base}{keyword} --parents {words}\n", PARENTS)
    assert sorted(image.tree()) == names(expected)
    assert "/out/" in image.files()


def test_parents_keep_their_attributes_and_take_those_of_the_flags(bench: Workbench) -> None:
    bench.write(PARENTS)
    (bench.context / "test/a").chmod(0o710)
    kept = bench.build("FROM scratch\nCOPY --parents test/a/b/c/d/foo /\n")
    assert (kept.mode("/test"), kept.mode("/test/a")) == (0o755, 0o710)
    given = bench.build("FROM scratch\nCOPY --parents --chown=7:8 --chmod=g+w test/a/b/c/d/foo /\n")
    assert (given.owner("/test/a"), given.mode("/test/a")) == ((7, 8), 0o730)


def test_a_literal_that_the_ignore_file_excludes_is_missing(bench: Workbench) -> None:
    with pytest.raises(SourceNotFound) as caught:
        bench.build("FROM scratch\nCOPY --parents a/x.key /\n", {"a/x.key": "", ".dockerignore": "**/*.key"})
    assert caught.value.hint == ".dockerignore:1 excludes it: **/*.key"


def test_what_matches_decides_about_the_cache(bench: Workbench) -> None:
    text = "FROM scratch\nCOPY --parents **/bay /\n"
    bench.build(text, PARENTS)
    assert bench.build(text, {"test/a/b/c/d/foo": "other"}).cached() == [True]
    assert bench.build(text, {"test/bay": "new"}).cached() == [False]


def test_links_are_not_followed_below_the_pivot(bench: Workbench) -> None:
    bench.write(PARENTS)
    (bench.context / "link").symlink_to("test")
    image = bench.build("FROM scratch\nCOPY --parents link /out\nCOPY --parents link/./a/b2 /in\n")
    assert image.tree() == {"/out/link": "-> test", "/in/a/b2/c/d/e/bar": "bar"}


# -- --chmod


def test_symbolic_modes(bench: Workbench) -> None:
    bench.write({"d/run": "run", "d/text": "text", "d/s/": ""})
    for name, mode in (("d/run", 0o744), ("d/text", 0o600), ("d/s", 0o700)):
        (bench.context / name).chmod(mode)
    image = bench.build("FROM scratch\nARG M=rX\nCOPY --chmod=u+rwX,go=$M d /new/d/\n")
    assert [image.mode(f"/new/d/{name}") for name in ("run", "text", "s")] == [0o755, 0o644, 0o755]
    assert image.mode("/new") == 0o755


# -- --link


def test_a_linked_layer_ignores_what_is_below_it(bench: Workbench) -> None:
    bench.write({"f": "f", "base/run/": "", "base/tmp/": ""})
    os.symlink("/run", bench.context / "base/link")
    (bench.context / "base/tmp").chmod(0o1777)
    base = "FROM scratch\nCOPY base /\n"
    plain = bench.build(base + "COPY f /link/\nCOPY f /tmp/\n")
    assert plain.tree() == {"/link": "-> /run", "/run/f": "f", "/tmp/f": "f"}
    assert plain.mode("/tmp") == 0o1777
    linked = bench.build(base + "COPY --link f /link/\nCOPY --link f /tmp/\n")
    assert linked.tree() == {"/link/f": "f", "/tmp/f": "f"}
    assert linked.mode("/tmp") == 0o755


def test_a_linked_layer_is_found_again_on_another_base(bench: Workbench) -> None:
    rest = "COPY --link --chown=1:2 d /opt/d\n"
    first = bench.build(f"FROM scratch\nRUN write /v 1\n{rest}", {"d/x": "x", "d/s/y": "y"})
    second = bench.build(f"FROM scratch\nRUN write /v 2\n{rest}")
    assert second.cached() == [False, True]
    assert second.snapshots[-1].diff_id == first.snapshots[-1].diff_id
    assert second.tree() == {"/opt/d/s/y": "y", "/opt/d/x": "x", "/v": "2"}
    assert (second.mode("/opt/d/s"), second.owner("/opt/d/s")) == (0o755, (1, 2))
    again = bench.build(f"FROM scratch\nRUN write /v 1\n{rest}")
    assert again.cached() == [True, True]
    assert again.id == first.id
    changed = bench.build(f"FROM scratch\nRUN write /v 1\n{rest}", {"d/x": "other"})
    assert changed.cached() == [True, False]


def test_what_comes_after_a_linked_layer_depends_on_its_base(bench: Workbench) -> None:
    bench.build("FROM scratch\nRUN write /v 1\nCOPY --link f /\nRUN write /w w\n", {"f": "f"})
    again = bench.build("FROM scratch\nRUN write /v 2\nCOPY --link f /\nRUN write /w w\n")
    assert again.cached() == [False, True, False]


def test_a_linked_layer_can_leave_the_store_as_it_came(bench: Workbench) -> None:
    from boxwright.layer.diff import measure_layer

    bench.write({"d/x": "x", "d/deep/y": "y"})
    os.link(bench.context / "d/x", bench.context / "d/z")
    for version in ("1", "2"):
        image = bench.build(f"FROM scratch\nRUN write /v {version}\nCOPY --link d /d\n")
        assert measure_layer(image.layers[-1]).diff_id == image.snapshots[-1].diff_id


# -- here-documents


def test_here_documents_become_files(bench: Workbench) -> None:
    text = """FROM scratch
WORKDIR /dest
ARG name=world
COPY <<EOF single
Hello ${name}!
EOF
COPY f <<EOF <<-'EOF2' double/
first file
EOF
	$second file
	EOF2
ADD --chmod=u=rwx --chown=3:4 <<EOF /perm/all
#!/bin/sh
EOF
"""
    image = bench.build(text, {"f": "f"})
    assert image.tree() == {
        "/dest/single": "Hello world!\n",
        "/dest/double/f": "f",
        "/dest/double/EOF": "first file\n",
        "/dest/double/EOF2": "$second file\n",
        "/perm/all": "#!/bin/sh\n",
    }
    assert (image.mode("/dest/single"), image.owner("/dest/single")) == (0o644, (0, 0))
    assert (image.mode("/perm/all"), image.owner("/perm/all")) == (0o744, (3, 4))
    assert bench.build(text).cached() == [True] * 5


def test_the_text_of_a_here_document_is_in_the_key(bench: Workbench) -> None:
    bench.build("FROM scratch\nCOPY <<EOF /f\none\nEOF\n")
    assert bench.build("FROM scratch\nCOPY <<EOF /f\none\nEOF\n").cached() == [True]
    changed = bench.build("FROM scratch\nCOPY <<EOF /f\ntwo\nEOF\n")
    assert (changed.cached(), changed.tree()) == ([False], {"/f": "two\n"})
    assert bench.build("FROM scratch\nCOPY <<EOG /f\ntwo\nEOG\n").tree() == {"/f": "two\n"}


def test_variables_in_a_here_document_decide_about_the_cache(bench: Workbench) -> None:
    text = "FROM scratch\nARG V\nCOPY <<EOF /f\n$V\nEOF\n"
    bench.build(text, build_args={"V": "1"})
    assert bench.build(text, build_args={"V": "2"}).tree() == {"/f": "2\n"}


def test_here_documents_of_triggers(bench: Workbench) -> None:
    bench.build("FROM scratch\nONBUILD COPY <<EOF /made\nby trigger\nEOF\n", tag="parent")
    assert bench.build("FROM parent\n").tree() == {"/made": "by trigger\n"}


# -- where files come from


def test_a_trigger_copies_from_a_stage_of_the_heir(bench: Workbench) -> None:
    bench.build("FROM scratch\nONBUILD COPY --from=tools f /from-tools\n", tag="parent")
    image = bench.build("FROM scratch AS tools\nCOPY f /\nFROM parent\n", {"f": "f"})
    assert image.tree() == {"/from-tools": "f"}


def test_a_trigger_copies_from_an_image(bench: Workbench) -> None:
    bench.build("FROM scratch\nCOPY f /\n", {"f": "f"}, tag="tools:1")
    bench.build("FROM scratch\nONBUILD COPY --from=tools:1 f /from-image\n", tag="parent")
    assert bench.build("FROM parent\n").tree() == {"/from-image": "f"}
