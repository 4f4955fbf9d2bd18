"""How the page looks: light and dark as the reader has it, one column when it is narrow."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfbf9; --card: #ffffff; --ink: #1d2129; --dim: #666d7a; --line: #e3e4e0;
  --done: #3b76c4; --cached: #b9c2cf; --failed: #c8372d; --stopped: #8d8f94; --critical: #d9822b; --mark: #fff4e0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14161a; --card: #1c1f25; --ink: #e4e6ea; --dim: #969daa; --line: #2d313a;
    --done: #5b94dd; --cached: #454d5a; --failed: #e5645a; --stopped: #6b6f78; --critical: #eba04b; --mark: #33291a;
  }
}
* { box-sizing: border-box }
body {
  margin: 0 auto; max-width: 76rem; padding: 2rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.35rem; margin: 0; font-weight: 650; overflow-wrap: anywhere }
h2 { font-size: .8rem; margin: 2.2rem 0 .6rem; color: var(--dim); font-weight: 600; letter-spacing: .06em;
  text-transform: uppercase }
h2 b { text-transform: none; letter-spacing: 0; color: var(--ink) }
code, pre, .n { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .86rem }
.sub { color: var(--dim); margin: .15rem 0 0; overflow-wrap: anywhere }
.verdict { margin: 1.1rem 0 0; padding: .7rem 1rem; border-left: 4px solid var(--done); background: var(--card);
  overflow-wrap: anywhere }
.verdict.failed { border-color: var(--failed) }
.facts { display: flex; flex-wrap: wrap; gap: .4rem 2.2rem; margin: 1rem 0 0; padding: 0; list-style: none }
.facts b { display: block; font-size: 1.15rem; font-weight: 600; font-variant-numeric: tabular-nums }
.facts li { color: var(--dim); font-size: .85rem }
.facts b { color: var(--ink) }

.chart { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .9rem 1rem 1rem }
.lane { display: grid; grid-template-columns: 9rem 1fr; gap: 0 1rem; align-items: center; min-height: 2.3rem }
.lane > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.track { position: relative; height: 1.5rem; border-radius: 4px; background: var(--paper) }
.axis .track { background: none; height: 1.2rem; border-top: 1px solid var(--line) }
.axis i { position: absolute; top: .15rem; font-style: normal; font-size: .75rem; color: var(--dim);
  transform: translateX(-50%); white-space: nowrap; font-variant-numeric: tabular-nums }
.axis i:first-child { transform: none }
.axis i::before { content: ""; position: absolute; left: 50%; top: -.2rem; height: .25rem; width: 1px;
  background: var(--dim) }
.axis i:first-child::before { left: 0 }
.bar { position: absolute; top: 0; height: 100%; min-width: 3px; border-radius: 3px; background: var(--done);
  color: #fff; font-size: .75rem; line-height: 1.5rem; padding: 0; overflow: hidden; white-space: nowrap;
  text-decoration: none; text-align: center; border-right: 1px solid var(--card) }
.bar:hover, .bar:focus { filter: brightness(1.15); z-index: 2; outline: 2px solid var(--ink) }
.bar.cached { background: var(--cached); color: var(--ink) }
.bar.failed { background: var(--failed) }
.bar.stopped { background: var(--stopped) }
.bar.critical { box-shadow: inset 0 -5px 0 var(--critical) }
.wait { position: absolute; top: 45%; height: 10%; background: repeating-linear-gradient(90deg, var(--dim) 0 3px,
  transparent 3px 7px) }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin: .8rem 0 0; padding: 0; list-style: none;
  color: var(--dim); font-size: .8rem }
.key i { display: inline-block; width: 1.3rem; height: .7rem; border-radius: 2px; margin-right: .45rem }
.key .wait { position: static; height: 2px; vertical-align: middle }
.key .bar { position: static; vertical-align: baseline }

.steps { border: 1px solid var(--line); border-radius: 8px; background: var(--card); overflow: hidden }
details, .step { border-top: 1px solid var(--line) }
.steps > :first-child { border-top: 0 }
summary, .step { display: grid; grid-template-columns: 2.6rem 1fr 5.2rem 6.2rem; gap: 0 .8rem; padding: .5rem 1rem;
  align-items: baseline }
summary { cursor: pointer; list-style: none }
summary::-webkit-details-marker { display: none }
summary:hover { background: var(--paper) }
summary:focus-visible { outline: 2px solid var(--done); outline-offset: -2px }
.n { color: var(--dim); text-align: right; border-right: 3px solid transparent; padding-right: .5rem }
.critical > .n { border-color: var(--critical) }
.text { overflow-wrap: anywhere }
.text em { display: block; font: italic .82rem/1.4 system-ui, sans-serif; color: var(--dim) }
.more::after { content: " ▸"; color: var(--dim) }
details[open] .more::after { content: " ▾" }
.time, .size { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.size, .cached .time { color: var(--dim) }
.failed .time { color: var(--failed); font-weight: 600 }
pre { margin: 0; padding: .7rem 1rem .9rem 4.4rem; background: var(--paper); border-top: 1px solid var(--line);
  max-height: 32rem; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4 }
pre:target, .step:target { background: var(--mark) }
.warnings { margin: 0; padding: 0 0 0 1.1rem }
footer { margin-top: 2.5rem; color: var(--dim); font-size: .8rem }

@media (max-width: 44rem) {
  body { padding: 1.2rem .8rem 3rem }
  .lane { grid-template-columns: 1fr; padding-bottom: .4rem }
  .axis > span { display: none }
  summary, .step { grid-template-columns: 2.1rem 1fr auto; padding: .5rem .6rem }
  .size { grid-column: 2 / 4; text-align: left; font-size: .82rem }
  .size:empty { display: none }
  pre { padding-left: .8rem }
}
@media print { details { break-inside: avoid } pre { max-height: none } }
"""
