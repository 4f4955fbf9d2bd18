"""Layers seen as one tree."""

from __future__ import annotations

import errno
import os

import pytest

from boxwright.layer.union import PathNotFound, UnionView, WrongType
from support.trees import make_file, make_opaque, make_whiteout


@pytest.fixture
def layers(tmp_path):
    """Three directories, the lowest first."""
    made = [tmp_path / name for name in ("one", "two", "three")]
    for layer in made:
        layer.mkdir()
    return made


@pytest.fixture
def view(layers):
    return lambda: UnionView(layers)


def test_the_topmost_file_is_seen(layers, view):
    for layer in layers:
        make_file(layer / "f", layer.name)
    make_file(layers[0] / "low", "low")
    assert view().read("/f", 10) == b"three"
    assert view().read("low", 10) == b"low"
    assert view().lookup("/f").real == str(layers[2] / "f")


def test_directories_are_merged_and_their_attributes_are_the_topmosts(layers, view):
    for index, layer in enumerate(layers):
        make_file(layer / f"d/{index}")
        (layer / "d").chmod(0o700 + index)
    assert view().listdir("/d") == ["0", "1", "2"]
    assert view().lookup("d").stat.st_mode & 0o777 == 0o702


def test_whiteouts_hide_what_is_below_them_only(layers, view):
    make_file(layers[0] / "f", "1")
    make_file(layers[0] / "d/x")
    make_whiteout(layers[1] / "f")
    make_whiteout(layers[1] / "d")
    assert view().lookup("/f") is None
    assert view().lookup("/d") is None
    assert view().lookup("/d/x") is None
    assert view().listdir("/") == []
    make_file(layers[2] / "d/y")
    make_file(layers[2] / "f", "3")
    assert view().listdir("/d") == ["y"]
    assert view().listdir("/") == ["d", "f"]
    assert view().read("f", 9) == b"3"


def test_an_opaque_directory_hides_what_is_below(layers, view):
    make_file(layers[0] / "d/x")
    make_file(layers[0] / "d/e/x")
    make_opaque(layers[1] / "d")
    make_file(layers[1] / "d/e/y")
    make_file(layers[2] / "d/z")
    assert view().listdir("/d") == ["e", "z"]
    assert view().listdir("/d/e") == ["y"]
    assert view().lookup("/d/x") is None


def test_an_opaque_root_hides_every_lower_layer(layers, view):
    make_file(layers[0] / "x")
    make_opaque(layers[1])
    make_file(layers[2] / "y")
    assert view().listdir("/") == ["y"]


@pytest.mark.parametrize("between", ["file", "link"])
def test_something_else_between_two_directories_parts_them(layers, view, between):
    make_file(layers[0] / "d/x")
    if between == "file":
        make_file(layers[1] / "d")
    else:
        os.symlink("elsewhere", layers[1] / "d")
    make_file(layers[2] / "d/y")
    assert view().listdir("/d") == ["y"]
    assert UnionView(layers[:2]).lookup("/d/x") is None


def test_links_stay_inside_and_parents_stop_at_the_root(layers, view):
    make_file(layers[0] / "etc/passwd", "mine")
    os.symlink("/etc", layers[1] / "absolute")
    os.symlink("../../../../etc", layers[1] / "relative")
    os.symlink("absolute/passwd", layers[2] / "chain")
    for path in ("/absolute/passwd", "relative/passwd", "chain", "../../etc/./passwd", "/etc//passwd", "/x/../chain"):
        if path == "/x/../chain":
            assert view().lookup(path) is None  # there is no x to come back from
        else:
            assert view().read(path, 9) == b"mine"
            assert view().lookup(path).path == "/etc/passwd"


def test_the_last_link_is_followed_only_when_wanted(layers, view):
    (layers[0] / "d").mkdir()
    os.symlink("d", layers[1] / "l")
    assert view().lookup("/l").path == "/d"
    node = view().lookup("/l", follow=False)
    assert (node.path, node.target, node.is_symlink) == ("/l", "d", True)
    assert view().lookup("/l/", follow=False).path == "/d"


def test_a_trailing_slash_asks_for_a_directory(layers, view):
    make_file(layers[0] / "f")
    assert view().lookup("/f/") is None
    assert view().lookup("/f/x") is None
    assert view().lookup("/f/..") is None
    assert view().lookup("/").path == "/"
    assert view().lookup("").path == "/"
    assert view().lookup("..").path == "/"


def test_circles_are_an_error(layers, view):
    os.symlink("b", layers[0] / "a")
    os.symlink("a", layers[1] / "b")
    for call in (view().lookup, view().resolve, view().listdir):
        with pytest.raises(OSError) as caught:
            call("/a")
        assert caught.value.errno == errno.ELOOP
    assert view().lookup("/a", follow=False).is_symlink


def test_a_dangling_link_leads_nowhere_but_can_be_resolved(layers, view):
    os.symlink("/var/new/place", layers[0] / "l")
    (layers[0] / "var").mkdir()
    assert view().lookup("/l") is None
    assert view().resolve("/l/x") == "/var/new/place/x"


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/", "/"),
        ("", "/"),
        ("/..", "/"),
        ("a/b", "/dir/b"),
        ("/a/../x", "/x"),
        ("missing/tail/../x/", "/missing/x"),
        ("missing/../../x", "/x"),
        ("/file/x", "/file/x"),
        ("a", "/dir"),
    ],
)
def test_canonical_paths(layers, view, path, canonical):
    (layers[0] / "dir").mkdir()
    make_file(layers[0] / "file")
    os.symlink("dir", layers[1] / "a")
    assert view().resolve(path) == canonical


def test_finding_follows_no_link(layers, view):
    make_file(layers[0] / "d/f")
    os.symlink("d", layers[1] / "l")
    assert view().find("d/f").path == "/d/f"
    assert view().find("l").is_symlink
    assert view().find("l/f") is None
    assert view().find("d/f/x") is None
    assert view().find("").path == "/"


def test_listing_is_in_canonical_order(layers, view):
    for index, name in enumerate(["b", "é", "a-b", "\udcff", "a", "B"]):
        make_file(layers[index % 3] / name)
    assert view().listdir("/") == ["B", "a", "a-b", "b", "é", "\udcff"]
    assert next(node.path for node in view().scandir("/")) == "/B"


def test_walking_is_in_canonical_order_and_follows_no_link_below(layers, view):
    make_file(layers[0] / "d/sub/x")
    make_file(layers[2] / "d/sub-y")
    make_file(layers[1] / "d/sub/w")
    os.symlink("d", layers[1] / "l")
    assert [node.path for node in view().walk("/l")] == ["/d", "/d/sub", "/d/sub/w", "/d/sub/x", "/d/sub-y"]
    assert [node.path for node in view().walk()][:2] == ["/", "/d"]
    assert [node.path for node in view().walk("/d/sub/x")] == ["/d/sub/x"]


def test_what_is_not_there_or_of_another_type(layers, view):
    make_file(layers[0] / "f", "12345")
    (layers[0] / "d").mkdir()
    for call in (view().listdir, lambda path: view().read(path, 1), lambda path: list(view().walk(path))):
        with pytest.raises(PathNotFound):
            call("/missing")
    with pytest.raises(WrongType, match="not a directory"):
        view().listdir("/f")
    with pytest.raises(WrongType, match="is a directory"):
        view().read("/d", 9)
    with pytest.raises(WrongType, match="longer than 4"):
        view().read("/f", 4)
    assert view().read("/f", 5) == b"12345"


def test_names_that_nothing_can_have(view):
    assert view().lookup("/" + "x" * 300) is None


def test_no_layers_at_all():
    view = UnionView([])
    assert view.listdir("/") == []
    assert view.lookup("/").is_dir
    assert view.lookup("/x") is None
    assert [node.path for node in view.walk()] == ["/"]


@pytest.mark.parametrize("change", ["link", "folder", "fifo", "gone"])
def test_content_is_never_that_of_what_has_taken_its_place(tmp_path, change):
    layer, outside = tmp_path / "layer", tmp_path / "outside"
    for folder in (layer / "d", outside):
        folder.mkdir(parents=True)
        (folder / "file").write_text(folder.name)
    view = UnionView([layer], living=True)
    node = view.lookup("/d/file")
    fd = view.open(node.location)
    assert os.read(fd, 10) == b"d"
    os.close(fd)
    (layer / "d/file").unlink()
    if change == "link":
        (layer / "d/file").symlink_to(outside / "file")
    elif change == "folder":
        (layer / "d").rmdir()
        (layer / "d").symlink_to(outside)
    elif change == "fifo":
        os.mkfifo(layer / "d/file")
    with pytest.raises(FileNotFoundError):
        view.open(node.location)
