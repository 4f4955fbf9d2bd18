"""What the options of ``run`` ask the engine for, and which of docker's are refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from boxwright.cli import container_flags, main
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.verbs import REFUSED, VERBS
from boxwright.engine.requests import CreateContainer
from boxwright.errors import BoxwrightError, InvalidError
from boxwright.oci.config import Healthcheck


def request(*words: str) -> CreateContainer:
    parser = Parser("boxwright run")
    container_flags.declare(parser)
    return container_flags.request(parser.parse(words))


def test_nothing_is_asked_for() -> None:
    assert request("busybox") == CreateContainer("busybox")


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (("busybox", "a", "--b"), {"command": ("a", "--b")}),
        (("--name=x", "-h", "h", "busybox"), {"name": "x", "hostname": "h"}),
        (("-it", "--rm", "busybox"), {"stdin": True, "tty": True, "auto_remove": True}),
        (("--rm=false", "busybox"), {}),
        (("--entrypoint", "sh", "busybox"), {"entrypoint": ("sh",)}),
        (("--entrypoint=", "busybox"), {"entrypoint": ()}),
        (("-p", "80", "-p8080:80", "-P", "busybox"), {"publish": ("80", "8080:80"), "publish_all": True}),
        (("-m", "64m", "--memory-swap", "-1", "busybox"), {"memory": 64 << 20, "memory_swap": -1}),
        (("-m", "0", "--cpus", "0", "busybox"), {}),  # docker's "no limit"
        (("--cpus", "1.5", "--pids-limit", "-1", "busybox"), {"cpus": 1.5, "pids_limit": -1}),
        (("-l", "a=b", "-l", "c", "-l", "d=e=f", "busybox"), {"labels": {"a": "b", "c": "", "d": "e=f"}}),
        (("--sysctl", "a.b=1", "busybox"), {"sysctls": {"a.b": "1"}}),
        (("-v", "/a:/b", "-v", "c", "busybox"), {"volumes": ("/a:/b", "c")}),
        (("--mount", "type=volume,src=v,dst=/b", "busybox"), {"volumes": ("v:/b",)}),
        (("--mount", "src=v,target=/b,ro", "busybox"), {"volumes": ("v:/b:ro",)}),
        (("--mount", "dst=/b", "busybox"), {"volumes": ("/b",)}),
        (("--mount", "src=v,dst=/b,volume-nocopy,readonly=false", "busybox"), {"volumes": ("v:/b:nocopy",)}),
        (
            ("--mount", "type=bind,source=/tmp,destination=/b,readonly,bind-propagation=rslave", "busybox"),
            {"volumes": ("/tmp:/b:ro,rslave",)},
        ),
        (
            ("--mount", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700", "--tmpfs", "/u", "busybox"),
            {"tmpfs": ("/u", "/t:size=1048576,mode=700")},
        ),
        (("--pull=never", "busybox"), {"pull": "never"}),
        (
            ("--restart", "on-failure:3", "--volumes-from", "a:ro", "busybox"),
            {"restart": "on-failure:3", "volumes_from": ("a:ro",)},
        ),
        (("--log-driver", "json-file", "--log-opt", "max-size=10k", "busybox"), {"log_size": 10240}),
        (("--annotation", "a=b", "--cgroupns", "host", "busybox"), {"annotations": {"a": "b"}, "cgroup": "host"}),
        (("--device-cgroup-rule", "c 1:3 r", "busybox"), {"device_rules": ("c 1:3 r",)}),
        (("--userns", "host", "--isolation", "default", "--disable-content-trust=false", "busybox"), {}),
        (("--restart", "no", "-q", "busybox"), {}),
        (("--no-healthcheck", "busybox"), {"health": Healthcheck(("NONE",))}),
        (
            ("--health-cmd", "true", "--health-interval", "1m", "--health-retries", "2", "busybox"),
            {"health": Healthcheck(("CMD-SHELL", "true"), interval=60_000_000_000, retries=2)},
        ),
    ],
)
def test_what_is_asked_for(words: tuple[str, ...], changes: dict[str, object]) -> None:
    assert request(*words) == CreateContainer("busybox")._replace(**changes)


def test_variables_come_from_files_options_and_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "x y")
    monkeypatch.delenv("NOT_OURS", raising=False)
    file = tmp_path / "env"
    file.write_text("# comment\n\nA=1\n  B = spaced \nOURS\nNOT_OURS\n")
    with pytest.raises(UsageError):
        container_flags.environment([], [str(file)])  # "B " is no name
    file.write_text("# comment\n\nA=1\n  B=2\nOURS\nNOT_OURS\n")
    assert container_flags.environment(["A=3", "C"], [str(file)]) == ("A=3", "B=2", "OURS=x y")
    assert container_flags.environment(["A=1", "A"], []) == ()  # not set with us: taken back
    file.write_bytes(b"\xff")
    with pytest.raises(InvalidError, match="is not UTF-8"):
        container_flags.environment([], [str(file)])


def test_labels_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("a=file\nb=file\n")
    assert request("--label-file", str(tmp_path / "labels"), "-l", "b=own", "busybox").labels == {
        "a": "file",
        "b": "own",
    }


def test_streams() -> None:
    assert container_flags.streams([], stdin=True) == {"stdin", "stdout", "stderr"}
    assert container_flags.streams([], stdin=False) == {"stdout", "stderr"}
    assert container_flags.streams(["STDERR", "stdin"], stdin=False) == {"stderr", "stdin"}
    with pytest.raises(UsageError, match="unknown stream 'x'"):
        container_flags.streams(["x"], stdin=False)


# docker's own list: `docker run --help`.
_OPTIONS = """
add-host annotation attach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cidfile cpu-count
cpu-percent cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems detach detach-keys
device device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops disable-content-trust dns
dns-option dns-search domainname entrypoint env env-file expose gpus group-add health-cmd health-interval
health-retries health-start-interval health-start-period health-timeout help hostname init interactive io-maxbandwidth
io-maxiops ip ip6 ipc isolation kernel-memory label label-file link link-local-ip log-driver log-opt mac-address memory
memory-reservation memory-swap memory-swappiness mount name network network-alias no-healthcheck oom-kill-disable
oom-score-adj pid pids-limit platform privileged publish publish-all pull quiet read-only restart rm runtime
security-opt shm-size sig-proxy stop-signal stop-timeout storage-opt sysctl tmpfs tty ulimit use-api-socket user userns
uts volume volume-driver volumes-from workdir
"""


@pytest.mark.parametrize("verb", ["run", "create"])
def test_every_option_of_dockers_is_known(verb: str) -> None:
    import importlib

    parser = Parser(f"boxwright {verb}")
    importlib.import_module(f"boxwright.cli.commands.{verb}").configure(parser)
    known = {name for option in parser.options for name in option.names}
    only_run = {"detach", "detach-keys", "sig-proxy"}
    wanted = {name for name in _OPTIONS.split() if verb == "run" or name not in only_run}
    assert {name for name in wanted if f"--{name}" not in known} == set()


def test_every_verb_of_dockers_is_known() -> None:
    theirs = """
    run exec ps build bake pull push images login logout search version info builder buildx compose container context
    image manifest network plugin system trust volume config node secret service stack swarm attach commit cp create
    diff events export history import inspect kill load logs pause port rename restart rm rmi save start stats stop tag
    top unpause update wait
    """
    ours = {*VERBS, *REFUSED, "buildx"}
    assert set(theirs.split()) - ours == set()


@pytest.mark.parametrize("verb", sorted(REFUSED))
def test_verbs_that_are_refused(verb: str) -> None:
    with pytest.raises(UsageError, match=f"^{verb} is not supported: "):
        main.find_verb(verb, [])


def test_longer_spellings() -> None:
    assert main.find_verb("container", ["ls", "-a"])[::2] == ("ps", ["-a"])
    assert main.find_verb("image", ["inspect", "x"])[::2] == ("inspect", ["--type=image", "x"])
    assert main.find_verb("container", ["prune"])[::2] == ("container", ["prune"])
    with pytest.raises(UsageError) as caught:
        main.find_verb("imgaes", [])
    assert caught.value.hint == "did you mean boxwright images?"


def test_exit_codes() -> None:
    class Odd(BoxwrightError):
        exit_code = 42

    for error, verb, code in (
        (BoxwrightError("x"), "rm", 1),
        (BoxwrightError("x"), "run", 125),
        (UsageError("x"), "rm", 125),
        (Odd("x"), "exec", 42),
    ):
        assert main.exit_code(error, verb) == code


def test_messages_are_lower_case_and_have_no_full_stop() -> None:
    """Every message in the source that is a plain text keeps to the manner of all others."""
    import boxwright

    pattern = re.compile(r'raise \w+(?:Error|Unsupported\w*)\(\s*f?"([^"]+)"')
    texts = [
        (path.name, text)
        for path in Path(boxwright.__file__).parent.rglob("*.py")
        for text in pattern.findall(path.read_text())
    ]
    assert len(texts) > 50
    assert [each for each in texts if each[1].endswith(".") or each[1].lower().startswith("error")] == []
