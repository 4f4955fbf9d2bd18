"""Rules of our own: what images carry in vain, what is built anew without need, what everyone can read."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.directives import Check
from boxwright.dockerfile.instructions import Run
from boxwright.dockerfile.lint.rule import Subject
from boxwright.dockerfile.lint.runner import lint
from boxwright.dockerfile.lint.script import commands
from boxwright.dockerfile.source import Source
from boxwright.dockerfile.stages import load


def found(body: str, rule: str) -> list[int]:
    """Return the lines of `body`, which stands behind a FROM, that one rule is about."""
    dockerfile = load(Source("Dockerfile", f"FROM a:1\n{body}\n"))
    warnings = lint(Subject(dockerfile), Check(), asked=True)
    return [warning.span.first - 1 for warning in warnings if warning.rule == rule]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b && c d", [("a", "b"), ("c", "d")]),
        ("a|b||c;d&e", [("a",), ("b",), ("c",), ("d",), ("e",)]),
        ("a 'b && c' \"d; e\"", [("a", "b && c", "d; e")]),
        ("X=1 Y='2 3' a", [("a",)]),
        ("if a; then b; else c; fi", [("a",), ("b",), ("c",)]),
        ("for x in a b; do c $x; done", [("for", "x", "in", "a", "b"), ("c", "$x")]),
        ("(cd a && b)", [("cd", "a"), ("b",)]),
        ("a $(b && c) d", [("a", "$(b && c)", "d")]),
        ("a ${b} {c,d}", [("a", "${b}", "{c,d}")]),
        ("a # b && c", [("a",)]),
        ("{ a; b; } && c", [("a",), ("b",), ("c",)]),
        ("a; b 'never closed", [("a",)]),
        ("", []),
    ],
)
def test_commands_of_a_text(text: str, expected: list[tuple[str, ...]]) -> None:
    run = load(Source("Dockerfile", f"FROM a\nRUN {text}\n")).stages[0].instructions[0]
    assert isinstance(run, Run)
    assert [command.words for command in commands(run)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('RUN ["apt-get", "update"]', [("apt-get", "update")]),
        ('RUN ["/bin/sh", "-c", "a && b"]', [("a",), ("b",)]),
        ("RUN <<E\na b\nc\nE", [("a", "b"), ("c",)]),
        ("RUN <<E\n#!/usr/bin/python3\nrm = 1\nE", []),
        ("RUN python3 <<E\nrm = 1\nE", []),
    ],
)
def test_commands_of_other_forms(text: str, expected: list[tuple[str, ...]]) -> None:
    run = load(Source("Dockerfile", f"FROM a\n{text}\n")).stages[0].instructions[0]
    assert isinstance(run, Run)
    assert [command.words for command in commands(run)] == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("RUN apt-get update && apt-get install -y b", [1]),
        ("RUN apt-get -qq update && apt-get install -y b", [1]),
        ("RUN DEBIAN_FRONTEND=noninteractive apt update; apt install b", [1]),
        ("RUN <<E\napt-get update\napt-get install b\nE", [1]),
        ("RUN apt-get update && apt-get install b\nRUN rm -rf /var/lib/apt/lists/*", [1]),
        ("RUN apk add b", [1]),
        ("RUN apk update && apk add b", [1]),
        ("RUN yum install -y b", [1]),
        ("RUN microdnf install b", [1]),
        ("RUN pip install b", [1]),
        ("RUN python3 -m pip install b", [1]),
        ("RUN pip3 --quiet install b", [1]),
        ("RUN apt-get update && apt-get install b && rm -rf /var/lib/apt/lists/*", []),
        ("RUN apt-get update && apt-get install b && rm -r /var/lib/apt/lists /tmp/*", []),
        ("RUN apt-get update && apt-get install b && rm -rf /var/lib/apt", []),
        ("RUN apt-get update && find /var/lib/apt/lists -delete", []),
        ("RUN apt-get install -y b", []),
        ("RUN --mount=type=cache,target=/var/lib/apt apt-get update && apt-get install b", []),
        ("RUN --mount=type=cache,target=/var/lib/apt/lists apt-get update", []),
        ("RUN --mount=type=tmpfs,target=/var/lib/apt/lists/ apt-get update && apt-get install b", []),
        ("RUN apk add --no-cache b", []),
        ("RUN apk --no-cache add b", []),
        ("RUN apk add b && rm -rf /var/cache/apk/*", []),
        ("RUN --mount=type=cache,target=/var/cache/apk apk add b", []),
        ("RUN yum install -y b && yum clean all", []),
        ("RUN dnf -y install b && dnf -y clean all", []),
        ("RUN dnf install b && rm -rf /var/cache/dnf", []),
        ("RUN pip install --no-cache-dir b", []),
        ("RUN pip --no-cache-dir install b", []),
        ("RUN pip install b && rm -rf ~/.cache", []),
        ("RUN pip install b && rm -rf /root/.cache/pip", []),
        ("RUN pip install b && pip cache purge", []),
        ("RUN --mount=type=cache,target=/root/.cache/pip pip install b", []),
        ("RUN --mount=type=cache,target=/root/.cache pip install b", []),
        ("ENV PIP_NO_CACHE_DIR=1\nRUN pip install b", []),
        ("RUN PIP_NO_CACHE_DIR=1 pip install b", []),
        ("RUN pip freeze", []),
        ("RUN echo apt-get update", []),
        ("RUN echo 'then apt-get update && go on'", []),
        ("RUN apt-get update && apt-get install b\nFROM c:1\nCOPY --from=0 /d /d", []),
        ("FROM c:1 AS d\nRUN apk add b\nFROM d\nRUN e", [2]),
    ],
)
def test_caches_of_package_managers(body: str, expected: list[int]) -> None:
    assert found(body, "PackageCacheKept") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("RUN apt-get update", [1]),
        ("RUN apt-get update\nRUN apt-get install b", [1]),
        ('RUN ["apt-get", "update"]', [1]),
        ("RUN apt-get update && apt-get install b", []),
        ("RUN set -e; apt-get update; apt-get install b", []),
        ("RUN --mount=type=cache,target=/var/lib/apt/lists apt-get update", []),
        ("RUN apk update", []),
    ],
)
def test_lists_that_go_stale(body: str, expected: list[int]) -> None:
    assert found(body, "StalePackageIndex") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("RUN apt-get update && apt-get -y upgrade", [1]),
        ("RUN apt-get dist-upgrade -y", [1]),
        ("RUN apk --no-cache upgrade", [1]),
        ("RUN yum -y update && yum clean all", [1]),
        ("RUN apt-get update", []),
        ("RUN dnf update -y openssl", []),
        ("RUN pip install --upgrade pip", []),
        ("RUN npm upgrade", []),
    ],
)
def test_upgrades(body: str, expected: list[int]) -> None:
    assert found(body, "PackageUpgrade") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("COPY . .\nRUN npm ci", [1]),
        ("COPY ./ /app/\nWORKDIR /app\nRUN npm install && npm run build", [1]),
        ("ADD . /app\nRUN pip install --no-cache-dir -r requirements.txt", [1]),
        ("COPY . .\nRUN pip install -rrequirements.txt", [1]),
        ("COPY . .\nRUN yarn", [1]),
        ("COPY . .\nRUN go mod download", [1]),
        ("COPY . .\nRUN bundle install --jobs 4", [1]),
        ("COPY package.json .\nRUN npm ci\nCOPY . .", []),
        ("COPY package.json .\nRUN npm ci\nCOPY . .\nRUN npm ci --omit=dev", []),
        ("COPY . .\nRUN pip install .", []),
        ("COPY . .\nRUN npm install -g serve", []),
        ("COPY . .\nRUN npm install left-pad", []),
        ("COPY . .\nRUN npm run build", []),
        ("COPY --from=x . .\nRUN npm ci", []),
        ("COPY src .\nRUN npm ci", []),
        ("COPY . .\nRUN make", []),
        ("COPY . .\nFROM b:1\nRUN npm ci", []),
    ],
)
def test_cache_busters(body: str, expected: list[int]) -> None:
    assert found(body, "CopyBeforeInstall") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("COPY a.deb /tmp/a.deb\nRUN dpkg -i /tmp/a.deb && rm /tmp/a.deb", [2]),
        ("COPY a.deb /tmp/\nRUN rm -f /tmp/a.deb", [2]),
        ("COPY a.deb b.deb /tmp/\nRUN rm -f /tmp/*.deb", [2]),
        ("COPY src /src\nRUN make -C /src\nRUN rm -rf /src", [3]),
        ("WORKDIR /app\nCOPY a.txt .\nRUN rm a.txt", [3]),
        ("WORKDIR /app\nCOPY a.txt b.txt\nRUN rm b.txt", [3]),
        ("RUN curl -fsSLo /tmp/x.tgz https://e.org/x\nRUN rm /tmp/x.tgz", [2]),
        ("RUN wget -O /x https://e.org/x\nRUN rm -f /x", [2]),
        ("RUN curl --output=/x e.org\nRUN rm /x", [2]),
        ("RUN git clone https://e.org/x /src\nRUN make\nRUN rm -rf /src", [3]),
        ("ADD https://e.org/x.zip /tmp/\nRUN unzip /tmp/x.zip && rm /tmp/x.zip", [2]),
        ("RUN curl -o /x e.org && tar xf /x && rm /x", []),
        ("RUN curl -o /x e.org && rm /x\nRUN rm -f /x", []),
        ("COPY a.deb /tmp/a.deb\nRUN rm /tmp/b.deb", []),
        ("COPY a.deb /tmp/a.deb\nRUN rm /tmp/*.txt", []),
        ("COPY a.deb /tmp/a.deb\nRUN rm a.deb", []),
        ("WORKDIR /app\nCOPY a.txt .\nRUN cd /b && rm a.txt", []),
        ("COPY a.txt b\nRUN rm b", []),
        ("COPY $X /tmp/x\nRUN rm /tmp/$Y", []),
        ("COPY a.tar /tmp/a\nRUN rm -rf /", []),
        ("ADD a.tar.gz /tmp/\nRUN rm /tmp/a.tar.gz", []),
        ("COPY --parents a/b.txt /x/\nRUN rm /x/b.txt", []),
        ("COPY dir /x/\nRUN rm -rf /x/dir", []),
        ("COPY a.deb /tmp/a.deb\nFROM b:1\nRUN rm -f /tmp/a.deb", []),
        ("RUN --mount=type=cache,target=/dl curl -o /dl/x e.org\nRUN --mount=type=cache,target=/dl rm /dl/x", []),
        ("COPY a.deb /tmp/a.deb\nRUN echo rm /tmp/a.deb", []),
    ],
)
def test_files_that_are_removed_too_late(body: str, expected: list[int]) -> None:
    assert found(body, "RemovedTooLate") == expected


def test_a_removal_is_too_late_also_in_a_stage_on_top() -> None:
    dockerfile = load(Source("Dockerfile", "FROM a:1 AS b\nCOPY x.deb /x.deb\nFROM b\nRUN rm /x.deb\n"))
    (warning,) = lint(Subject(dockerfile), Check(), asked=True)
    assert warning.message == "/x.deb stays in the layer of line 2: it takes room although it is removed here"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("ADD a /a", [1]),
        ("ADD a b.conf /x/", [1]),
        ("ADD . /a", [1]),
        ("ADD a.tar /a", []),
        ("ADD a.tar.gz b /a/", []),
        ("ADD A.TGZ /a", []),
        ("ADD https://e.org/a /a", []),
        ("ADD git@e.org:a.git /a", []),
        ("ADD a* /a/", []),
        ("ADD $A /a", []),
        ("ADD --unpack=false a /a", []),
        ("ADD <<E /a\nb\nE", []),
        ("COPY a /a", []),
    ],
)
def test_add_instead_of_copy(body: str, expected: list[int]) -> None:
    assert found(body, "AddInsteadOfCopy") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("RUN cd /x", [1]),
        ("RUN mkdir /x && cd /x", [1]),
        ("RUN cd /x && a\nRUN cd /x && b", [1, 2]),
        ("RUN cd /x && a", []),
        ("RUN cd /x && a\nRUN cd /y && b", []),
        ("RUN cd x && a\nRUN cd x && b", []),
        ("RUN (a; cd /x)", []),
        ("RUN echo cd", []),
    ],
)
def test_cd(body: str, expected: list[int]) -> None:
    assert found(body, "CdInsteadOfWorkdir") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("RUN sudo a", [1]),
        ("RUN a && sudo -E b", [1]),
        ("RUN X=1 sudo b", [1]),
        ("RUN apk add --no-cache sudo", []),
        ("RUN echo 'a ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/a", []),
    ],
)
def test_sudo(body: str, expected: list[int]) -> None:
    assert found(body, "SudoInRun") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("RUN curl https://ada:hunter22@e.org/x", [1]),
        ("RUN git clone https://oauth2:a8f5f167f44f@e.org/x.git /x", [1]),
        ("ENV DSN=postgres://app:s3cr3tpw@db/app", [1]),
        ("ARG K=AKIAZ2J4GQ5RWXA7BCDE", [1]),
        ("RUN curl -H 'PRIVATE-TOKEN: glpat-aBcDeFgHiJkLmNoPqRsT' e.org", [1]),
        ("RUN git clone https://ghp_" + 36 * "a1" + "@github.com/a/b", [1]),
        ("COPY <<E /key\n-----BEGIN RSA PRIVATE KEY-----\nE", [1]),
        ("RUN <<E\necho '-----BEGIN PRIVATE KEY-----'\nE", [1]),
        ("RUN curl https://e.org:8080/x", []),
        ("RUN curl https://ada@e.org/x", []),
        ("RUN curl https://ada:$PASSWORD@e.org/x", []),
        ("RUN curl https://ada:${PASSWORD}@e.org/x", []),
        ("RUN curl https://$USER:$PASSWORD@e.org/x", []),
        ("RUN curl https://ada:***@e.org/x", []),
        ("RUN curl https://user:password@e.org/x", []),
        ("RUN curl https://user:your-token@e.org/x", []),
        ("RUN curl https://user:<token>@e.org/x", []),
        ("ENV K=AKIAIOSFODNN7EXAMPLE", []),
        ("RUN echo a:b@c", []),
        ("RUN curl http://e.org/a:b@c", []),
        ("LABEL key='-----BEGIN PUBLIC KEY-----'", []),
        ("RUN git clone git@github.com:a/b.git", []),
    ],
)
def test_secrets_in_the_text(body: str, expected: list[int]) -> None:
    assert found(body, "SecretInText") == expected


def test_a_message_about_a_secret_does_not_repeat_it() -> None:
    dockerfile = load(Source("Dockerfile", "FROM a:1\nRUN curl https://ada:hunter22@e.org/x\n"))
    (warning,) = lint(Subject(dockerfile), Check())
    assert "hunter22" not in warning.message
