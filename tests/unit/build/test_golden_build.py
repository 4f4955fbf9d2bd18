"""The same files and the same Dockerfile give the same image and the same cache keys, on every machine and in every
version: what is in the golden file only changes on purpose (and then `keys.VERSION` may have to go up)."""

from __future__ import annotations

import json
import os
from pathlib import Path

from support.building import Workbench

GOLDEN = Path(__file__).parents[2] / "golden/build/reproducible.json"

DOCKERFILE = """\
ARG BASE=scratch
FROM $BASE AS tools
ARG VERSION=1
RUN write /bin/tool $VERSION
FROM scratch
LABEL org.example.title="a title"
ENV MODE=fast
COPY --chown=10:20 src /src/
COPY --chmod=755 --from=tools /bin/tool /usr/bin/
ADD notes.txt /doc/
USER 10:20
WORKDIR /src/out
RUN write result done
EXPOSE 80
ENTRYPOINT ["/usr/bin/tool"]
CMD ["--help"]
"""


def made(bench: Workbench) -> dict[str, object]:
    bench.write({"src/main.c": "int main;", "src/lib/a.h": "", "notes.txt": "note"})
    (bench.context / "src/link").symlink_to("main.c")
    for directory, names, files in os.walk(bench.context):
        for name in names:
            os.chmod(os.path.join(directory, name), 0o755)
        for name in files:
            path = os.path.join(directory, name)
            if not os.path.islink(path):
                os.chmod(path, 0o644)
        for name in (*names, *files):
            os.utime(os.path.join(directory, name), (1_111_111_111, 1_111_111_111), follow_symlinks=False)
    os.utime(bench.context / "src", (1_111_111_111, 1_111_111_111))
    image = bench.build(DOCKERFILE, epoch=1_234_567_890)
    documents = [json.loads(step.document) for step in bench.store.steps.list()]
    return {
        "image": image.id,
        "config": json.loads(image.config.to_bytes()),
        "keys": sorted((d for d in documents if d["op"] != "metadata"), key=lambda d: (d["op"], json.dumps(d))),
    }


def test_reproducible(bench: Workbench) -> None:
    found = made(bench)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    assert found == json.loads(GOLDEN.read_text())
