"""A build as a page: what is on it, that it is whole, and that nothing of the build gets into it unescaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from boxwright.build.context import Census
from boxwright.build.progress import (
    FIRST_TIME,
    BuildStarted,
    Event,
    ImageBuilt,
    StepDone,
    StepOutput,
    StepStarted,
    Warned,
)
from boxwright.cli.trace.page import page
from boxwright.cli.trace.recorder import Output, Recorded, Recorder, Recording
from boxwright.cli.trace.timeline import critical_path, lanes, ticks
from boxwright.errors import InvalidError, UnavailableError
from boxwright.oci.digest import Digest

IMAGE = Digest("sha256:" + "a" * 64)
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\u202e\x00\x1b[31m\udcff]]>--></pre></style>"
_VOID = {"meta", "br", "img", "link", "input"}


class Structure(HTMLParser):
    """All elements with their attributes; raises where they are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text += data


def done(number: int, text: str, stage: str = "0", **facts: object) -> StepDone:
    values = {"cached": False, "seconds": 1.5, "added": None, "exit_code": None, "image": None, **facts}
    return StepDone(number, 9, stage, text, **values)


def recorded(events: list[Event]) -> Recording:
    recorder = Recorder("trace.html", lambda event: None)
    for event in events:
        recorder(event)
    return recorder.recording


def recording_of(*steps: tuple[int, str, float, float, tuple[int, ...]]) -> Recording:
    """Return a recording of steps: number, stage, start, end, inputs."""
    recording = Recording()
    for number, stage, started, ended, inputs in steps:
        step = Recorded(StepStarted(number, len(steps), stage, f"RUN {number}", inputs), started)
        step.ended = ended
        step.done = done(number, f"RUN {number}", stage)
        recording.steps[number] = step
    recording.length = max(step[3] for step in steps)
    return recording


def test_stages_are_lanes_and_waiting_is_no_work() -> None:
    recording = recording_of(
        (1, "a", 0.0, 0.1, ()),
        (2, "a", 0.1, 3.0, (1,)),
        (3, "b", 0.0, 0.1, ()),
        (4, "b", 0.1, 3.5, (3, 2)),  # copies from a: it could begin at 3.0
    )
    found = lanes(recording)
    assert [(lane.title, [bar.number for bar in lane.bars]) for lane in found] == [("a", [1, 2]), ("b", [3, 4])]
    last = found[1].bars[1]
    assert (last.started, round(last.waited, 3), round(last.seconds, 3)) == (3.0, 2.9, 0.5)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], set()),
        ([(1, "a", 0.0, 1.0, ())], {1}),
        # Two stages end in a third: the one that took longer is what was waited for.
        (
            [(1, "a", 0, 5, ()), (2, "b", 0, 3, ()), (3, "b", 3, 4, (2,)), (4, "c", 0, 6, (1, 3))],
            {1, 4},
        ),
        ([(1, "a", 0, 3, ()), (2, "b", 0, 3, ()), (3, "b", 3, 4, (2,)), (4, "c", 0, 6, (1, 3))], {2, 3, 4}),
    ],
)
def test_the_critical_path(steps: list[tuple[int, str, float, float, tuple[int, ...]]], expected: set[int]) -> None:
    recording = recording_of(*steps) if steps else Recording()
    assert critical_path(recording) == expected


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0.004, [0, 0.001, 0.002, 0.003, 0.004]),
        (2.5, [0, 0.5, 1, 1.5, 2, 2.5]),
        (95, [0, 20, 40, 60, 80]),
        (50_000, [0, 7200, 14400, 21600, 28800, 36000, 43200]),
    ],
)
def test_the_marks_of_the_time_line(length: float, expected: list[float]) -> None:
    assert ticks(length) == expected


def test_a_page_of_hostile_texts_is_whole_and_loads_nothing() -> None:
    recording = recorded(
        [
            BuildStarted(HOSTILE, Census(2, 2048, 1), 3),
            StepStarted(1, 3, HOSTILE, f"RUN {HOSTILE}"),
            StepOutput(1, HOSTILE, "stdout"),
            done(1, f"RUN {HOSTILE}", HOSTILE, explanation=HOSTILE),
            Warned(HOSTILE, HOSTILE),
            ImageBuilt(IMAGE, (HOSTILE,), 1, 1, 1.0, 1, 0),
        ]
    )
    recording.error = HOSTILE
    text = page(recording).decode()
    structure = Structure(text)
    tags = {tag for tag, _ in structure.elements}
    assert tags.isdisjoint({"script", "img", "link", "iframe", "object", "form", "base"})
    names = {name for _, attributes in structure.elements for name in attributes}
    assert not {name for name in names if name.startswith("on") or name == "src"}
    assert all(
        value.startswith("#")
        for _, attributes in structure.elements
        for name, value in attributes.items()
        if name == "href"
    )
    assert "url(" not in text
    assert "@import" not in text
    assert "\\u202e" in structure.text
    assert "\x00" not in text
    assert "\x1b" not in text
    assert structure.text.count("<script>alert(1)</script>") >= 6


def test_what_is_told_of_each_step() -> None:
    recording = recorded(
        [
            BuildStarted("web/Dockerfile", None, 4),
            StepStarted(1, 4, "0", "FROM base"),
            done(1, "FROM base", cached=True),
            StepStarted(2, 4, "0", "RUN make", (1,)),
            StepOutput(2, "\x1b[32mgreen\x1b[0m", "stdout"),
            done(2, "RUN make", added=1234, explanation="its input from step 1 changed"),
            StepStarted(3, 4, "0", "RUN fail", (2,)),
            StepOutput(3, "no", "stderr"),
            done(3, "RUN fail", exit_code=3),
            StepStarted(4, 4, "1", "RUN other"),
        ]
    )
    recording.length = 5.0
    recording.error = "the command in step 3 exited with 3"
    structure = Structure(page(recording).decode())
    ids = {attributes["id"] for _, attributes in structure.elements if "id" in attributes}
    assert ids == {"step-1", "step-2", "step-3", "step-4"}
    links = {attributes["href"] for tag, attributes in structure.elements if tag == "a"}
    assert links == {f"#{id}" for id in ids}
    bars = {attributes["href"]: attributes["class"].split() for tag, attributes in structure.elements if tag == "a"}
    assert [bars[f"#step-{number}"][1] for number in (1, 2, 3, 4)] == ["cached", "done", "failed", "stopped"]
    opened = ["open" in attributes for tag, attributes in structure.elements if tag == "details"]
    assert opened == [False, True]  # what failed is open
    for text in ("+1.23 kB", "its input from step 1 changed", "green", "Failed: the command in step 3 exited with 3"):
        assert text in structure.text


def test_that_all_is_new_is_not_told() -> None:
    events: list[Event] = [StepStarted(1, 1, "0", "RUN a"), done(1, "RUN a", explanation=FIRST_TIME)]
    assert FIRST_TIME not in page(recorded(events)).decode()
    more = [*events, StepStarted(2, 2, "0", "RUN b"), done(2, "RUN b", explanation="the cache was not asked")]
    assert FIRST_TIME in page(recorded(more)).decode()


def test_endless_output_is_cut() -> None:
    output = Output()
    for number in range(100_000):
        output.add(f"line {number}")
    assert output.lines[-1] == "line 99999"
    assert output.dropped + len(output.lines) == 100_000
    assert sum(map(len, output.lines)) < 300_000
    output.add("x" * 10_000_000)
    assert len(output.lines[-1]) < 5_000


def test_the_page_is_written_however_the_build_goes(tmp_path: Path) -> None:
    place = tmp_path / "trace.html"
    seen: list[Event] = []
    with Recorder(str(place), seen.append) as sink:
        sink(StepStarted(1, 1, "0", "FROM base"))
    assert len(seen) == 1
    first = place.read_text()
    with pytest.raises(UnavailableError), Recorder(str(place), seen.append):
        raise UnavailableError("the registry is gone")
    assert "the registry is gone" in place.read_text()
    with pytest.raises(KeyboardInterrupt), Recorder(str(place), seen.append):
        raise KeyboardInterrupt
    assert "interrupted" in place.read_text()
    assert re.search("<html", first)
    assert [path.name for path in tmp_path.iterdir()] == ["trace.html"]


def test_a_place_that_cannot_be_written_is_told_beforehand(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere/trace.html", tmp_path):
        with pytest.raises(InvalidError):
            Recorder(str(path), lambda event: None)
