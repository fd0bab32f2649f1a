# SPDX-License-Identifier: GPL-2.0-or-later
"""A small terminal in the manner of a VT100: enough to know what the console has drawn where."""
import re

ESCAPE = re.compile(rb"""
    \x1b\[ (?P<private>[?>]?) (?P<numbers>[0-9;]*) (?P<final>[A-Za-z@`])   # CSI
  | \x1b (?P<set>[()]) [0A-B]                                               # character sets
  | \x1b (?P<plain>[=>78MDEH])
""", re.VERBOSE)


class Vt:
    """Feeds on bytes. Keeps the cells, which columns were ever written, and how often the whole
    screen scrolled."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.cells = [[" "] * self.columns for _ in range(self.rows)]
        self.row = self.col = 0
        self.last = " "
        self.pending = b""
        self.written = set()  # columns
        self.scrolls = 0
        self.unknown = []

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)

    def feed(self, data):
        data = self.pending + data
        at = 0
        while at < len(data):
            byte = data[at]
            if byte == 0x1b:
                match = ESCAPE.match(data, at)
                if not match and len(data) - at < 16:
                    break  # cut off: the rest comes later
                at = match.end() if match else at + 1
                if match:
                    self._escape(match)
                else:
                    self.unknown.append(data[at - 1:at + 15])
            elif byte < 0x20 or byte == 0x7f:
                self._control(byte)
                at += 1
            else:
                length = 1 if byte < 0x80 else 2 if byte < 0xe0 else 3 if byte < 0xf0 else 4
                if at + length > len(data):
                    break
                self._put(data[at:at + length].decode(errors="replace"))
                at += length
        self.pending = data[at:]

    def _put(self, glyph):
        if self.col >= self.columns:  # wraps late, as with xenl
            self.col = 0
            self._line_feed()
        self.cells[self.row][self.col] = self.last = glyph
        self.written.add(self.col)
        self.col += 1

    def _line_feed(self):
        if self.row + 1 < self.rows:
            self.row += 1
            return
        self.cells = self.cells[1:] + [[" "] * self.columns]
        self.scrolls += 1

    def _control(self, byte):
        if byte == 0x0d:
            self.col = 0
        elif byte in (0x0a, 0x0b, 0x0c):
            self._line_feed()
        elif byte == 0x08:
            self.col = max(0, min(self.col, self.columns - 1) - 1)
        elif byte == 0x09:
            self.col = min(self.columns - 1, self.col // 8 * 8 + 8)

    def _erase(self, row, first, last):
        self.cells[row][first:last] = [" "] * (last - first)

    def _escape(self, match):
        if match["plain"] == b"M":
            self.row = max(0, self.row - 1)
        if not match["final"] or match["private"]:
            return
        numbers = [int(n) if n else 0 for n in match["numbers"].split(b";")]
        count = max(1, numbers[0])
        final = match["final"].decode()
        row, col = self.row, min(self.col, self.columns - 1)
        if final in "Hf":
            self.row = min(self.rows, count) - 1
            self.col = min(self.columns, max(1, numbers[1] if len(numbers) > 1 else 1)) - 1
        elif final in "ABCDGd":
            self.row = {"A": max(0, row - count), "B": min(self.rows - 1, row + count),
                        "d": count - 1}.get(final, row)
            self.col = {"C": min(self.columns - 1, col + count), "D": max(0, col - count),
                        "G": count - 1}.get(final, col)
        elif final == "K":
            self._erase(row, 0 if numbers[0] else col, col + 1 if numbers[0] == 1 else self.columns)
        elif final == "J":
            self._erase(row, 0 if numbers[0] else col, col + 1 if numbers[0] == 1 else self.columns)
            for other in range(self.rows):
                if numbers[0] == 2 or (other > row if numbers[0] == 0 else other < row):
                    self._erase(other, 0, self.columns)
        elif final == "P":
            del self.cells[row][col:col + count]
            self.cells[row] += [" "] * (self.columns - len(self.cells[row]))
        elif final == "@":
            self.cells[row][col:col] = [" "] * count
            del self.cells[row][self.columns:]
        elif final == "X":
            self._erase(row, col, min(self.columns, col + count))
        elif final == "b":
            for _ in range(count):
                self._put(self.last)
        elif final not in "mhlrnt":
            self.unknown.append(match[0])
