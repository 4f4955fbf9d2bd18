"""Command lines as people and scripts type them, given to docker and to boxwright: the same exit code, the same output.

What names a thing that is made anew each time (IDs, times) stands for itself; words of errors are each one's own.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from support.boxwright_command import Boxwright
from support.cli import eventually
from support.docker_daemon import Docker

pytestmark = [pytest.mark.peer, pytest.mark.root, pytest.mark.runtime]

_LINES = """
run
run --nonsense busybox
run -it --rm busybox true
run --rm --network none busybox nosuchprogram
run --rm --network none busybox /etc/passwd
run --rm --network none -e A=1 -w /tmp -u 5:6 -h box busybox sh -c 'echo $A $PWD $(id -u) $(hostname); exit 3'
run --rm --network none --restart always busybox true
run --rm --network none --ulimit nofile=100:200 --group-add 7 busybox sh -c 'ulimit -n; ulimit -Hn; id -G'
run --rm --network none --tmpfs /t:size=1m,mode=700 --read-only busybox stat -c %a /t
run --rm --network none --ipc none --userns host --isolation default busybox grep -c /dev/shm /proc/mounts
run --rm --network container:both busybox hostname
run --rm --network none --volumes-from both busybox cat /data/f
ps extra
ps --format '{{.Names}} {{.Image}} {{.Command}} {{.State}} {{.Ports}} {{.LocalVolumes}} {{.Mounts}} {{.Networks}}'
ps --format 'table {{.Names}}\\t{{.State}}\\t{{.LocalVolumes}}\\t{{.Size}}'
ps --filter status=nonsense
ps --filter nonsense=1
ps --filter health=none --filter is-task=false --format {{.Names}}
logs both
logs -n 1 both
logs --details both
exec both sh -c 'exit 4'
exec -w /data both pwd
exec -w /nowhere both true
exec -u nobodyhere both true
container run --rm --network none -m 1 busybox true
exec both
port both 80
rm -f nobody
rm both
rename both both
cp both:/data/f /nowhere/x
cp a b
inspect -f '{{.Name}} {{.State.Status}} {{.State.Running}} {{.RestartCount}} {{.HostConfig.RestartPolicy.Name}}' both
inspect -f '{{.HostConfig.NetworkMode}} {{.HostConfig.IpcMode}} {{.HostConfig.CpuShares}} {{.HostConfig.Links}}' both
inspect -f '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}} {{.Driver}}{{println}}{{end}}' both
inspect -f '{{json .Config.Cmd}} {{json .Config.Entrypoint}} {{index .Config.Cmd 0}} {{len .Config.Cmd}}' both
inspect -f '{{.Nonsense}}' both
container
container nonsense
image inspect -f '{{.Os}}/{{.Architecture}} {{json .RootFS}}' busybox
images --format 'table {{.Repository}}:{{.Tag}}\\t{{.ID}}' busybox
images a b
images -f nonsense=1
history --format '{{.ID}} {{.CreatedBy}} {{.Comment}}' busybox
history -H=false --format 'table {{.ID}}\\t{{.CreatedAt}}' busybox
tag busybox
tag busybox UPPER
rmi busybox
load -i /nowhere
volume ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}} {{.Links}} {{.Size}}'
volume inspect -f '{{.Name}} {{.Driver}} {{json .Options}}' shared
volume rm shared
volume create --name shared
network ls -f driver=host --format '{{.Name}} {{.Driver}} {{.Scope}} {{.IPv6}} {{.Internal}}'
network inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{json .IPAM.Config}}' none
system df --format '{{.Type}} {{.Active}}'
update both
nonsense
"""
_WHOLE_OUTPUT_IS_ITS_OWN = frozenset({"container"})  # docker's help


@pytest.fixture(scope="module")
def both(docker: Docker, boxwright: Boxwright, base: str) -> Iterator[None]:
    """A container of that name on either side, and a volume."""
    # Two streams that are written to at once come in any order.
    script = "echo a > /data/f; echo err >&2; sleep 0.2; echo out; exec sleep 1000"
    words = ("--name", "both", "-h", "both", "--network", "none", "-v", "shared:/data", base, "sh", "-c", script)
    docker.run("run", "-d", *words)
    boxwright.run("run", "-d", *words)
    for side in (docker, boxwright):
        eventually(partial(_has_written, side))
    yield
    docker.run("rm", "-f", "both")
    docker.run("volume", "rm", "shared")
    boxwright.run("rm", "-f", "both")
    boxwright.run("volume", "rm", "shared")


def _has_written(side: Docker | Boxwright) -> bool:
    return "out" in side.run("logs", "both").stdout


def _plain(text: str) -> str:
    text = re.sub(r"\b[0-9a-f]{64}\b", "ID", text)
    return re.sub(r" +", " ", text)


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("line", _LINES.strip().splitlines())
def test_a_line_does_the_same(docker: Docker, boxwright: Boxwright, line: str) -> None:
    words = shlex.split(line)
    with ThreadPoolExecutor(1) as aside:
        answer = aside.submit(docker.run, *words, check=False)
        ours, theirs = boxwright.run(*words, check=False), answer.result()
    assert (line, ours.returncode) == (line, theirs.returncode)
    if not theirs.returncode and line not in _WHOLE_OUTPUT_IS_ITS_OWN:
        assert _plain(ours.stdout) == _plain(theirs.stdout)
