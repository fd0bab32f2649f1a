#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds the manual pages and README.md against what the program says of itself.

    test/lint/manual.py

Run by `make check` in the build folder. Prints what is missing, and ends with status 1 if anything is.
The keys of mpgate.conf are checked by test/unit/t-config-texts.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(os.environ.get("srcdir", pathlib.Path(__file__).resolve().parents[2]))
MPGATE = os.environ.get("MPGATE", "./mpgate")
PAGES = {
    "mpgate(8)": SOURCE / "doc/mpgate.8",
    "mpgate.conf(5)": SOURCE / "doc/mpgate.conf.5",
    "mpgate-console(8)": pathlib.Path("doc/mpgate-console.8"),
}


def run(*words):
    return subprocess.run([MPGATE, *words], check=True, capture_output=True, text=True).stdout


def section(page, title):
    match = re.search(rf"^\.Sh {title}\n(.*?)(?=^\.Sh |\Z)", PAGES[page].read_text(), re.M | re.S)
    return match[1] if match else ""


def options(text):
    """The long options in what --help printed under "Options:"."""
    match = re.search(r"^Options:\n(.*?)\n\n", text, re.M | re.S)
    return re.findall(r"^ .{5}--([\w-]+)", match[1], re.M) if match else []


def entries(text):
    """Of a list: each command word with its text; entries that follow one another share theirs."""
    found, open_words = {}, []
    for part in re.split(r"^(?=\.It )", text, flags=re.M)[1:]:
        head, _, body = part.partition("\n")
        word = re.match(r"\.It Ic ([\w-]+)", head)
        if word:
            open_words.append((word[1], head))
        if body.strip():
            for name, line in open_words:
                found[name] = found.get(name, "") + line + "\n" + body
            open_words = []
    for name, line in open_words:  # the last needs no words
        found.setdefault(name, line)
    return found


def verbs():
    listed = re.search(r"^Commands:\n(.*?)\n\n", run("help"), re.M | re.S)[1]
    return re.findall(r"^  ([\w-]+)", listed, re.M)


def check_verbs():
    told = entries(section("mpgate(8)", "COMMANDS"))
    for verb in verbs():
        text = told.get(verb)
        if text is None:
            yield f"mpgate(8): nothing about the command '{verb}'"
            continue
        page = re.search(r"\.Xr (mpgate-\w+) 8", text)
        if page:
            text += PAGES[f"{page[1]}(8)"].read_text()
        letters = dict(re.findall(r"^  -(\w), --([\w-]+)", run("help", verb), re.M))
        for option in options(run("help", verb)):
            letter = [key for key, word in letters.items() if word == option]
            if not re.search(rf"Fl Fl {option}\b", text) and \
                    not (letter and re.search(rf"\bFl {letter[0]}\b", text)):
                yield f"mpgate(8): nothing about '--{option}' of '{verb}'"
    for verb in sorted(set(told) - set(verbs())):
        yield f"mpgate(8): there is no command '{verb}'"


def check_global_options():
    text = section("mpgate(8)", "OPTIONS")
    for letter, option in re.findall(r"^  (?:-(\w), |    )--([\w-]+)", run("help"), re.M):
        if not re.search(rf"Fl Fl {option}\b", text) and not re.search(rf"\bFl {letter or '!'}\b", text):
            yield f"mpgate(8): nothing about the option '--{option}'"


def check_statuses():
    known = re.findall(r"^\tSTATUS_\w+ = (\d+)", (SOURCE / "src/model/status.h").read_text(), re.M)
    told = re.findall(r"^\.It (\d+)$", section("mpgate(8)", "EXIT STATUS"), re.M)
    for status in set(known) ^ set(told):
        yield f"mpgate(8): exit status {status} is {'not told' if status in known else 'none of ours'}"


def check_environment():
    told = section("mpgate(8)", "ENVIRONMENT") + section("mpgate-console(8)", "DESCRIPTION")
    for file in sorted(SOURCE.glob("src/role/role_util.c")):
        for name in re.findall(r'environment\("(\w+)"\)', file.read_text()):
            if name not in told:
                yield f"mpgate(8): nothing about the environment's {name}"


def check_keys():
    told = section("mpgate-console(8)", "KEYS").replace("\\&", "").replace("\\-", "-")
    for line in run("keys", "--plain").splitlines()[1:]:
        names = line.split("\t")[0].split()
        if not re.search(r"^\.It " + " ".join(f"Ic {re.escape(name)}" for name in names) + "$", told, re.M):
            yield f"mpgate-console(8): nothing about the keys {' '.join(names)}; is it old?"


def check_forms():
    if not shutil.which("mandoc"):
        print("mandoc is not installed: the pages' form is not checked")
        return
    for page in PAGES.values():
        done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], capture_output=True, text=True)
        yield from done.stdout.splitlines()


def shape(lines):
    """What a screen is made of, whatever it shows: its header of columns, words beside the graphs, keys."""
    head = [line for line in lines if re.match(r"  PATH +KIND", line)]
    beside = [re.sub(r"[0-9.,]+.*", "", line.rpartition("|")[2]).strip() for line in lines if "|" in line]
    keys = re.sub(r"\d:\S+ ", "", lines[-1])
    rest = [bool(re.match(pattern, line)) for pattern, line in
            ((r" mpgate \S+  [A-Z ]+  \d of \d paths up", lines[0]),
             (r"EVENTS \(\d+ today\) +no active alarms", next((l for l in lines if l[:6] == "EVENTS"), "")),
             (r"  TOTAL ", next((l for l in lines if l[:7] == "  TOTAL"), "")))]
    return head, beside, keys, rest, len(lines)


def check_recording():
    recorded = (SOURCE / "doc/screen.txt").read_text().splitlines()
    golden = (SOURCE / "test/screen/golden/ok-utf8-80x24.txt").read_text().splitlines()
    readme = (SOURCE / "README.md").read_text()
    if shape(recorded) != shape(golden):
        for ours, theirs in zip(shape(recorded), shape(golden)):
            if ours != theirs:
                yield f"doc/screen.txt: {ours!r} is now {theirs!r}; test/lab/record.py takes it anew"
    if "\n".join(recorded) not in readme:
        yield "README.md: the screen is not that of doc/screen.txt; test/lab/record.py puts it in"


def main():
    missing = [line for check in (check_verbs, check_global_options, check_statuses, check_environment,
                                  check_keys, check_forms, check_recording) for line in check()]
    print("\n".join(missing))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
