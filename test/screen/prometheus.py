# SPDX-License-Identifier: GPL-2.0-or-later
"""A strict reader of Prometheus' text format, for tests: it takes only what promtool would not complain of.

https://prometheus.io/docs/instrumenting/exposition_formats; on names,
https://prometheus.io/docs/practices/naming.
"""
import ipaddress
import re

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([-+.0-9eE]+|NaN|[+-]Inf)\Z')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|\Z)')
ESCAPED = {r"\n": "\n", r"\"": '"', r"\\": "\\"}
# what is neither a base unit nor a count
FOREIGN = re.compile(r"_(ms|us|millis\w*|micros\w*|minutes|hours|days|bits|kb|mb|percent)(_|\Z)")


class Wrong(Exception):
    """The text is not what a scraper takes, or should not look so."""


def read_labels(text, line):
    labels = {}
    at = 0
    while at < len(text):
        match = LABEL.match(text, at)
        if not match or match[1] in labels or match[1].startswith("__"):
            raise Wrong(f"labels of {line!r}")
        labels[match[1]] = re.sub(r'\\.', lambda escape: ESCAPED[escape[0]], match[2])
        at = match.end()
    return labels


def check_label(value, line):
    for word in re.split(r"[^0-9a-fA-F:.]+", value):
        try:
            ipaddress.ip_address(word)
        except ValueError:
            continue
        raise Wrong(f"a label holds an address: {line!r}")


def check_name(name, kind):
    if not NAME.match(name) or FOREIGN.search(name):
        raise Wrong(f"name {name!r}")
    if (kind == "counter") != name.endswith("_total"):
        raise Wrong(f"{name} is a {kind}: counters, and nothing else, end in _total")


def read(text):
    """{name: [(labels, value)]}; a family's lines must stand together, with HELP and TYPE before them."""
    if not text.endswith("\n"):
        raise Wrong("the last line has no end")
    families, kinds, helped, now, seen = {}, {}, set(), None, set()
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, words = line[7:].partition(" ")
            if name in helped or not words.endswith("."):
                raise Wrong(f"second or empty HELP: {line!r}")
            helped.add(name)
            now = name
            continue
        if line.startswith("# TYPE "):
            name, _, kind = line[7:].partition(" ")
            if name != now or name in kinds or kind not in ("counter", "gauge"):
                raise Wrong(f"TYPE out of place: {line!r}")
            check_name(name, kind)
            kinds[name] = kind
            families[name] = []
            continue
        match = SAMPLE.match(line)
        if not match or match[1] != now or now not in kinds:
            raise Wrong(f"not a sample of {now}: {line!r}")
        labels = read_labels(match[2] or "", line)
        for value in labels.values():
            check_label(value, line)
        key = (now, tuple(sorted(labels.items())))
        if key in seen:
            raise Wrong(f"twice: {line!r}")
        seen.add(key)
        number = float(match[3])
        if kinds[now] == "counter" and not number >= 0:
            raise Wrong(f"a counter below zero: {line!r}")
        families[now].append((labels, number))
    empty = [name for name in helped if not families.get(name)]
    if empty:
        raise Wrong(f"no samples of {empty}")
    return families


def one_hot(samples, label, by=None):
    """The label's value whose sample is 1, of the samples that `by` (labels) selects."""
    hot = [labels[label] for labels, value in samples
           if value and all(labels[name] == wanted for name, wanted in (by or {}).items())]
    if len(hot) != 1:
        raise Wrong(f"{label}: {hot} are 1")
    return hot[0]
