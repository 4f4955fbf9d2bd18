"""RUN --mount, --network and --security: what they say, and what is refused."""

from __future__ import annotations

import pytest

from boxwright.dockerfile import instructions as ins
from boxwright.dockerfile.expand import expand
from boxwright.dockerfile.mounts import RunMount, read_mount
from boxwright.dockerfile.parse import parse
from boxwright.dockerfile.source import DockerfileError, Source, UnsupportedSyntax
from boxwright.dockerfile.stages import assemble, dependencies, resolve_bases


def run(text: str) -> ins.Run:
    (instruction,) = parse(Source("Dockerfile", f"RUN {text}")).instructions
    assert isinstance(instruction, ins.Run)
    return instruction


def mount(text: str) -> RunMount:
    instruction = run(f"--mount={text} a")
    (fields,) = instruction.mounts
    return read_mount(fields, instruction.span)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("target=/t", RunMount("bind", "/t", read_only=True)),
        ("dst=t,src=/s,rw", RunMount("bind", "t", "/s", read_only=False)),
        ("type=bind,destination=t,source=s,readwrite=true", RunMount("bind", "t", "s", read_only=False)),
        ("TYPE=bind,Target=/t,from=b", RunMount("bind", "/t", from_="b", read_only=True)),
        ("target=/t,rw=false", RunMount("bind", "/t", read_only=True)),
        ("target=/t,readonly=0", RunMount("bind", "/t", read_only=False)),
        ("'\"target=/a,b\",source=s'", RunMount("bind", "/a,b", "s", read_only=True)),
        ("type=cache,target=/c//d/", RunMount("cache", "/c//d/", id="/c/d")),
        (
            "type=cache,id=x,target=/c,sharing=locked,mode=1777,uid=1,gid=2,from=b,source=/s,ro",
            RunMount("cache", "/c", "/s", "b", True, "x", "locked", mode=0o1777, uid=1, gid=2),
        ),
        ("type=tmpfs,target=/t", RunMount("tmpfs", "/t")),
        ("type=tmpfs,target=/t,size=1.5g", RunMount("tmpfs", "/t", size=3 << 29)),
        ("type=tmpfs,target=/t,size=512KiB", RunMount("tmpfs", "/t", size=1 << 19)),
        ("type=secret,id=a", RunMount("secret", id="a")),
        ("type=secret,src=a", RunMount("secret", id="a")),
        ("type=secret,target=/x/y", RunMount("secret", "/x/y", id="y")),
        (
            "type=secret,id=a,dst=/x,required,mode=0440,uid=7",
            RunMount("secret", "/x", id="a", required=True, mode=0o440, uid=7),
        ),
        ("type=secret,id=a,env=A,required=false", RunMount("secret", id="a", env="A")),
        ("type=ssh", RunMount("ssh", id="default")),
        ("type=ssh,id=x,required=true,target=/s", RunMount("ssh", "/s", id="x", required=True)),
    ],
)
def test_a_mount_says_what_a_command_sees(text: str, expected: RunMount) -> None:
    assert mount(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type=bnd,target=/t", 'unsupported mount type "bnd" (did you mean bind?)'),
        ("traget=/t", "unexpected key 'traget' in 'traget=/t' (did you mean target?)"),
        ("type=bind", "a mount of type bind needs a target"),
        ("target", "invalid field 'target' must be a key=value pair"),
        ("target=/t,ro=perhaps", "invalid value for readonly: perhaps"),
        ("target=/t,uid=1", "unexpected key 'uid' for mount type 'bind'"),
        ("target=/t,size=1", "unexpected key 'size' for mount type 'bind'"),
        ("target=/t,required", "unexpected key 'required' for mount type 'bind'"),
        ("type=tmpfs,target=/t,sharing=shared", "unexpected key 'sharing' for mount type 'tmpfs'"),
        ("type=tmpfs,target=/t,size=much", "invalid value for size: much"),
        ("type=cache,target=/t,sharing=lock", 'unsupported sharing value "lock" (did you mean locked?)'),
        ("type=cache,target=/t,mode=8", "invalid value 8 for mode"),
        ("type=cache,target=/t,uid=-1", "invalid value -1 for uid"),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=secret,id=a,source=b", "both source and id can't be set"),
        ("type=secret,id=a,from=b", "unexpected key 'from' for mount type 'secret'"),
        ("type=secret,id=a,env=A=B", "env is the name of a variable"),
        ("from=$X,target=/t", "'from' doesn't support variable expansion, define alias stage instead"),
        ("type=$X,target=/t", "'type' doesn't support variable expansion"),
        ("type=bind,", "unexpected key '' in ''"),
        ("'\"target=/t'", 'failed to parse csv mounts: "target=/t'),
    ],
)
def test_what_is_no_mount_is_refused_in_its_place(text: str, message: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        run(f"--mount={text} a")
    assert caught.value.message == message
    assert caught.value.detail[0] == "Dockerfile:1"


def test_values_expand_where_they_stand() -> None:
    instruction = run("--mount=type=cache,id=$A,target=/c/${A:-x},mode=$M --mount=target=$B a $A")
    expanded = expand(instruction, {"A": "one,two", "M": "700"})
    cache, _ = expanded.instruction.mounts
    assert read_mount(cache, instruction.span) == RunMount("cache", "/c/one,two", id="one,two", mode=0o700)
    assert expanded.unset == ("B",)
    assert expanded.instruction.command.argv == ("a $A",)
    with pytest.raises(DockerfileError, match="needs a target"):
        read_mount(expanded.instruction.mounts[1], instruction.span)


def test_network_and_security_are_one_of_a_few_words() -> None:
    assert (run("--network=none a").network, run("a").network) == ("none", None)
    assert run("--security=insecure a").security == "insecure"
    with pytest.raises(DockerfileError, match="network mode 'hots' is not supported"):
        run("--network=hots a")
    with pytest.raises(DockerfileError, match="security mode 'x' is not supported"):
        run("--security=x a")
    with pytest.raises(UnsupportedSyntax, match="RUN --device is not supported yet"):
        run("--device=vendor.com/gpu=all a")


def test_a_stage_needs_those_that_its_mounts_are_from() -> None:
    mounts = "--mount=from=two,target=/t --mount=from=d,target=/u --mount=target=/v"
    text = f"FROM a AS one\nFROM b AS two\nFROM c\nRUN {mounts} x"
    dockerfile = assemble(parse(Source("Dockerfile", text)))
    assert dependencies(dockerfile, resolve_bases(dockerfile, {}))[2] == {1}
