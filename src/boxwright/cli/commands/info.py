from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from boxwright.cli import human
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session

# As docker says it; further in what belongs to the line before. What isn't here is for templates.
_LINES = (
    *(("Containers", "Containers"), (" Running", "ContainersRunning"), (" Paused", "ContainersPaused")),
    *((" Stopped", "ContainersStopped"), ("Images", "Images"), ("Server Version", "ServerVersion")),
    *(("Storage Driver", "Driver"), ("Logging Driver", "LoggingDriver"), ("Cgroup Driver", "CgroupDriver")),
    *(("Cgroup Version", "CgroupVersion"), ("Cgroup Hybrid", "CgroupHybrid"), ("Runtime", "Runtime")),
    *(("Monitor", "Conmon"), ("Kernel Version", "KernelVersion"), ("Operating System", "OperatingSystem")),
    *(("OSType", "OSType"), ("Architecture", "Architecture"), ("CPUs", "NCPU"), ("Total Memory", "MemTotal")),
    *(("Name", "Name"), ("Root Dir", "BoxwrightRootDir"), ("Rootless", "Rootless"), ("Python", "PythonVersion")),
)


def configure(parser: Parser) -> None:
    parser.add_argument("-f", "--format", metavar="TEMPLATE", help="json, or a Go template")


def run(args: Any, session: Session) -> int:
    facts = session.engine.info()
    if args.format == "json":
        import json

        print(json.dumps(facts, ensure_ascii=False))
    elif args.format:
        from boxwright.cli.template import Template

        print(Template(args.format).render(facts))
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(facts)))
    return 0


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    for title, name in _LINES:
        value = facts[name]
        if name == "MemTotal":
            value = human.binary_size(value)
        elif isinstance(value, bool):
            value = str(value).lower()
        yield f"{title}: {value}"
    if facts["InsecureRegistries"]:
        yield "Insecure Registries:"
        yield from (f" {registry}" for registry in facts["InsecureRegistries"])
