"""A recording → one HTML file: no script, no font, no picture from elsewhere, and nothing of the build unescaped."""

from __future__ import annotations

import time
from html import escape

from boxwright.cli import human
from boxwright.cli.trace.recorder import Recording
from boxwright.cli.trace.style import STYLE
from boxwright.cli.trace.timeline import Bar, Lane, lanes, ticks

# Should a text get past the escaping after all, a browser loads and runs nothing for it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STATES = {"cached": "from the cache", "failed": "failed", "stopped": "stopped"}
_NARROW = 1.6  # per cent of the timeline: a number doesn't fit into a narrower bar


def page(recording: Recording) -> bytes:
    """Return the page of a build that has ended."""
    found = lanes(recording)
    title = recording.opening.dockerfile if recording.opening is not None else "a build"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{_text(title)}: a build</title><style>{STYLE}</style></head><body>",
        f"<header><h1>{_text(title)}</h1>{_subtitle(recording)}",
        f"{_verdict(recording)}{_facts(recording, found)}</header>",
        _chart(found, recording.length) if found else "",
        *_warnings(recording),
        *(_steps(lane, several=len(found) > 1) for lane in found),
        "<footer>Made by boxwright build --trace. The file needs no network and no scripts.</footer>",
        "</body></html>\n",
    ]
    return "\n".join(part for part in parts if part).encode("utf-8", "replace")


def _subtitle(recording: Recording) -> str:
    parts = [time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(recording.begun))]
    opening = recording.opening
    if opening is not None and opening.context is not None:
        files, size, ignored = opening.context
        parts.append(f"context {files:,} file{'' if files == 1 else 's'}, {human.spaced_size(size)}")
        if ignored:
            parts.append(f"{ignored:,} ignored")
    return f'<p class="sub">{_text(" · ".join(parts))}</p>'


def _verdict(recording: Recording) -> str:
    if recording.error is not None:
        return f'<p class="verdict failed"><b>Failed:</b> {_text(recording.error)}</p>'
    built = recording.built
    if built is None:
        return ""
    names = ", ".join(built.names)
    return f'<p class="verdict"><b>Built</b> {_text(names)} <code>{_text(built.image.short)}</code></p>'


def _facts(recording: Recording, found: list[Lane]) -> str:
    bars = [bar for lane in found for bar in lane.bars]
    cached = sum(bar.state == "cached" for bar in bars)
    worked = sum(bar.seconds for bar in bars)
    facts = [(human.seconds(recording.length), "from start to end")]
    if worked > recording.length > 0 and len(found) > 1:
        facts.append((human.seconds(worked), "of work, side by side"))
    facts.append((f"{cached} of {len(bars)}", "steps from the cache"))
    facts.append((human.spaced_size(sum(bar.added or 0 for bar in bars)), "added by this build"))
    built = recording.built
    if built is not None:
        facts.append((human.spaced_size(built.size), f"in {built.layers} layer{'' if built.layers == 1 else 's'}"))
    items = "".join(f"<li><b>{_text(number)}</b>{_text(what)}</li>" for number, what in facts)
    return f'<ul class="facts">{items}</ul>'


def _chart(found: list[Lane], length: float) -> str:
    length = max(length, 1e-3)
    rows = [f'<div class="lane"><span>{_text(_stage(lane))}</span>{_track(lane, length)}</div>' for lane in found]
    marks = "".join(f'<i style="left:{moment / length:.3%}">{_tick(moment)}</i>' for moment in ticks(length))
    states = {bar.state for lane in found for bar in lane.bars}
    key = ['<li><i class="bar"></i>done</li>', '<li><i class="bar critical"></i>the build waited for it</li>']
    key += [f'<li><i class="bar {state}"></i>{text}</li>' for state, text in _STATES.items() if state in states]
    if any(bar.waited >= length / 200 for lane in found for bar in lane.bars):
        key.append('<li><i class="wait"></i>waits for another stage</li>')
    return (
        '<h2>Timeline</h2><section class="chart" aria-label="Timeline">'
        + "".join(rows)
        + f'<div class="lane axis"><span></span><div class="track">{marks}</div></div>'
        + f'<ul class="key">{"".join(key)}</ul></section>'
    )


def _track(lane: Lane, length: float) -> str:
    pieces = []
    for bar in lane.bars:
        if bar.waited >= length / 200:
            start = bar.started - bar.waited
            pieces.append(
                f'<span class="wait" style="left:{start / length:.3%};width:{bar.waited / length:.3%}"></span>'
            )
        share = 100 * bar.seconds / length
        told = f"{bar.number}. {bar.text}\n{_result(bar)}" + (f"\n{bar.explanation}" if bar.explanation else "")
        pieces.append(
            f'<a class="bar {_classes(bar)}" href="#step-{bar.number}" title="{_text(told)}"'
            f' style="left:min({bar.started / length:.3%}, 100% - 3px);width:{share:.3f}%">'
            f"{bar.number if share >= _NARROW else ''}</a>"
        )
    return f'<div class="track">{"".join(pieces)}</div>'


def _steps(lane: Lane, *, several: bool) -> str:
    heading = f"Steps of <b>{_text(_stage(lane))}</b>" if several else "Steps"
    return f'<h2>{heading}</h2><section class="steps">{"".join(_step(bar) for bar in lane.bars)}</section>'


def _step(bar: Bar) -> str:
    more = " more" if bar.output.lines else ""
    why = f"<em>{_text(bar.explanation)}</em>" if bar.explanation else ""
    size = f"+{human.spaced_size(bar.added)}" if bar.added is not None else ""
    row = (
        f'<span class="n">{bar.number}</span><span class="text"><code class="{more.strip()}">{_text(bar.text)}</code>'
        f'{why}</span><span class="time">{_text(_result(bar))}</span><span class="size">{_text(size)}</span>'
    )
    if not bar.output.lines:
        return f'<div class="step {_classes(bar)}" id="step-{bar.number}">{row}</div>'
    lines = [f"… {bar.output.dropped:,} lines before"] if bar.output.dropped else []
    output = "\n".join(_text(line) for line in (*lines, *bar.output.lines))
    # A link to what is inside of it opens it; what failed is open.
    is_open = " open" if bar.state == "failed" else ""
    return (
        f'<details{is_open}><summary class="{_classes(bar)}">{row}</summary>'
        f'<pre id="step-{bar.number}">{output}</pre></details>'
    )


def _warnings(recording: Recording) -> list[str]:
    if not recording.warnings:
        return []
    items = [
        f"<li>{_text(warning.message)}{f' <code>{_text(warning.source)}</code>' if warning.source else ''}</li>"
        for warning in recording.warnings
    ]
    return [f'<h2>Warnings</h2><ul class="warnings">{"".join(items)}</ul>']


def _stage(lane: Lane) -> str:
    return f"stage {lane.title}" if lane.title.isdigit() else lane.title


def _classes(bar: Bar) -> str:
    return f"{bar.state}{' critical' if bar.critical else ''}"


def _result(bar: Bar) -> str:
    if bar.state == "cached":
        return "cached"
    return f"{human.seconds(bar.seconds)}{' failed' if bar.state == 'failed' else ''}"


def _tick(moment: float) -> str:
    if moment >= 60:
        return f"{int(moment) // 60}m{int(moment) % 60:02d}s"
    return f"{moment:g}s"


def _text(text: str) -> str:
    """Return a text of the build as HTML: escapes of a terminal left out, other control characters made visible."""
    return escape("".join(_visible(character) for character in human.without_colours(text)))


def _visible(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
