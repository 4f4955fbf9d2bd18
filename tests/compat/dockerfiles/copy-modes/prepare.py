from pathlib import Path

_MODES = {
    "tool": 0o755,
    "secret": 0o600,
    "suid": 0o4755,
    "sgid": 0o2711,
    "open": 0o666,
    "private": 0o700,
    "sticky": 0o1777,
    "group": 0o2770,
}


def prepare(context: Path) -> None:
    for name, mode in _MODES.items():
        (context / name).chmod(mode)
