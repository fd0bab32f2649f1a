#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fills what the program itself knows into a manual page: the console's keys, and a recorded screen.

    doc/fill-manual.py PAGE.in MPGATE SCREEN >PAGE
"""
import subprocess
import sys


def escape(text):
    r"""mdoc takes '.' and "'" at the start of a line, and '\' anywhere, for its own."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq")
    return "\\&" + text if text[:1] in (".", " ") else text


def keys(mpgate):
    listed = subprocess.run([mpgate, "keys", "--plain"], check=True, capture_output=True, text=True)
    for line in listed.stdout.splitlines()[1:]:
        names, does, screens, _ = line.split("\t")
        yield ".It " + " ".join(f"Ic \\&{escape(name)}" for name in names.split())
        yield escape(does[0].upper() + does[1:])
        yield f".Pq {escape(screens.replace(' ', ', '))}"


def screen(file):
    yield ".Bd -literal"
    with open(file, encoding="utf-8") as lines:
        # terminals that show manuals need not have blocks of eighths
        yield from (escape(line.rstrip("\n").translate(str.maketrans("▁▂▃▄▅▆▇█", "..::::##"))) or "\\&"
                    for line in lines)
    yield ".Ed"


def main(page, mpgate, recorded):
    fill = {"@KEYS@": lambda: keys(mpgate), "@SCREEN@": lambda: screen(recorded)}
    with open(page, encoding="utf-8") as lines:
        for line in lines:
            line = line.rstrip("\n")
            print("\n".join(fill[line]()) if line in fill else line)


if __name__ == "__main__":
    main(*sys.argv[1:])
