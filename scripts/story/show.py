"""What a person sees: acts, commands, findings, and the table at the end. Colour and progress on a terminal only."""

import os
import sys
import time

# At most so often a line that is written over changes.
REDRAW_SECONDS = 0.1


class Show:
    def __init__(self, out=sys.stdout):
        self.out, self.terminal = out, out.isatty()
        self.colour = self.terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.acts = 0
        self.rows = []
        # Every promise that was looked at: what it says, and whether it was kept.
        self.promises = []
        self.drawn = 0.0

    def line(self, text=""):
        print(text, file=self.out, flush=True)

    def act(self, title):
        """A new act; its lines follow."""
        self.acts += 1
        self.line(f"\n{self._in('1', f'{self.acts}  {title}')}")

    def command(self, text):
        """How a person would do the same."""
        self.line(f"   {self._in('36', f'$ {text}')}")

    def note(self, text):
        self.line(f"   {text}")

    def kept(self, ok, text):
        """One promise and whether it was kept. The demo goes on either way; its exit status remembers."""
        self.promises.append((text, bool(ok)))
        self.line(f"   {self._in('32', '✓') if ok else self._in('1;31', '✗ NOT KEPT:')} {text}")

    def progress(self, done, total, rate, what):
        """How far long work is, on a line that is written over; nothing without a terminal."""
        now = time.monotonic()
        if not self.terminal or (now - self.drawn < REDRAW_SECONDS and done < total):
            return
        self.drawn = now
        width = 24
        full = width * done // max(total, 1)
        bar = self._in("36", "━" * full) + " " * (width - full)
        print(f"\r   [{bar}] {done:,}/{total:,} {what}, {rate:,.0f}/s\033[K", end="", file=self.out, flush=True)

    def wipe(self):
        """Takes the progress away."""
        if self.terminal:
            print("\r\033[K", end="", file=self.out, flush=True)

    def row(self, what, count=None, seconds=None, rate=None):
        """A line of the table at the end. A rate is of `count` in `seconds` unless it is given."""
        if rate is None and count and seconds:
            rate = f"{count / seconds:,.0f}/s"
        self.rows.append((what, "" if count is None else f"{count:,}", "" if seconds is None else duration(seconds), rate or ""))

    def table(self):
        header = ("what", "count", "time", "rate")
        widths = [max(len(row[column]) for row in [header, *self.rows]) for column in range(4)]
        show = lambda row: "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip()  # noqa: E731
        self.line(f"\n{self._in('1', show(header))}\n{'─' * (sum(widths) + 6)}")
        for row in self.rows:
            self.line(show(row))

    def verdict(self):
        """Says how many promises were kept; whether all were."""
        broken = [text for text, ok in self.promises if not ok]
        self.line()
        if not broken:
            self.line(self._in("32", f"All {len(self.promises)} promises were kept."))
        for text in broken:
            self.line(self._in("1;31", f"NOT KEPT: {text}"))
        return not broken

    def _in(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colour else text


def duration(seconds):
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s"


def plural(number, noun):
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shortened(key):
    """A key that can be told from another, and used by nobody who looks over a shoulder."""
    return f"{key[:11]}…"
