#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds the #include lines against the table of rooms in doc/architecture.md.

    test/lint/rooms.py [SOURCE-DIR]

A room may include itself and the rooms of its row; a library's headers appear in one room, and in
curses' case in one file. Prints each line that breaks a rule and ends with status 1 if there is one.
"""
import pathlib
import re
import sys

BELOW = {"base", "model"}
# room: what it may include besides itself and BELOW
MAY = {
    "base": set(),
    "model": {"base"},
    "sock": BELOW,
    "wire": BELOW,
    "config": BELOW,
    "plan": BELOW | {"config"},
    "kern": BELOW | {"sock"},
    "stream": BELOW | {"sock", "wire"},
    "relay": BELOW | {"sock", "wire"},
    "probe": BELOW | {"sock", "wire", "stream"},
    "dns": BELOW | {"sock", "wire", "stream"},
    "dial": BELOW,
    "ctl": BELOW,
    "ui": BELOW | {"ctl", "sock"},
    "role": None,  # all
}
# header pattern: where it may be
LIBRARIES = {
    r"(n?curses(w/curses)?|term)\.h": {"ui/term.c"},
    r"netlink/.*|nftables/.*": {"src/kern/"},
    r"mbedtls/.*": {"src/wire/"},
    r"confuse\.h": {"src/config/"},
    r"jansson\.h": {"src/ctl/"},
    r"ares\.h": {"src/sock/"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    return "ui" if path.parts[0] == "ui" else path.parts[1]


def problems(root):
    files = sorted(root.glob("src/*/*.[ch]")) + sorted(root.glob("ui/*.[ch]"))
    if not files:
        yield f"{root}: no sources here"
    for file in files:
        path = file.relative_to(root)
        room = room_of(path)
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            kind, header = match.groups()
            where = f"{path}:{number}: room {room} includes {header}"
            if kind == '"' and "/" in header:
                other = header.split("/")[0]
                if other in MAY and other != room and MAY[room] is not None \
                        and other not in MAY[room]:
                    yield f"{where}, which is not below it"
                if header.endswith("_priv.h") and other in MAY and other != room:
                    yield f"{where}, which is private to {other}"
            for pattern, places in LIBRARIES.items():
                if kind == "<" and re.fullmatch(pattern, header) \
                        and not any(str(path).startswith(place) for place in places):
                    yield f"{where}, a library of {', '.join(sorted(places))}"


def main():
    default = pathlib.Path(__file__).resolve().parent.parent.parent
    found = list(problems(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
