from pathlib import Path


def prepare(context: Path) -> None:
    (context / "link").symlink_to("a.txt")
    (context / "dirlink").symlink_to("dir")
    (context / "absolute").symlink_to("/dir/f")
    (context / "chain").symlink_to("link")
    (context / "dir/inner").symlink_to("f")
    (context / "dir/up").symlink_to("../a.txt")
    (context / "dir/dangling").symlink_to("nowhere")
    (context / "dir/outside").symlink_to("/etc/passwd")
    (context / "dir/todir").symlink_to("sub")
