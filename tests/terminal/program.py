"""A small agent with a screen of its own, for tests. It draws as real ones do: what it says scrolls up, its input box
is redrawn at the bottom, a long paste is folded. `--whole`: it takes the whole screen instead.

It keeps its history in HISTORY of its environment, and takes it up with `--continue` (which fails if there is none).
Each line of what is submitted is a command: `say TEXT`, `flood N`, `never`, `work SECONDS`, `run COMMAND`, `ask`,
`size`, `recall`, `exit CODE`; anything else is measured. Escape interrupts.
"""

import hashlib
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
import tty
from codecs import getincrementaldecoder
from pathlib import Path

WHOLE = "--whole" in sys.argv
STUBBORN = "--stubborn" in sys.argv
FOLD_CHARS = 200
PASTE = re.compile(r"\x1b\[200~(.*?)\x1b\[201~", re.DOTALL)
HISTORY = Path(os.environ["HISTORY"]) if "HISTORY" in os.environ else None


told: list[str] = []


def tell(text: str) -> None:
    """What stays on the screen."""
    told.append(text)
    out(text)


class Interrupted(Exception):
    pass


def out(text: str) -> None:
    data = text.replace("\n", "\r\n").encode()
    while data:
        data = data[os.write(1, data) :]


class Box:
    """The input box: `> text`."""

    def __init__(self) -> None:
        self.text, self.rows = "", 0

    def shown(self) -> str:
        return f"[Pasted {len(self.text)} characters]" if len(self.text) > FOLD_CHARS else self.text

    def erase(self) -> None:
        out((f"\x1b[{self.rows}A" if self.rows else "") + "\r\x1b[J")
        self.rows = 0

    def draw(self) -> None:
        self.erase()
        if WHOLE:
            out("\x1b[2J\x1b[H" + "".join(told[-20:]))
        lines = ("> " + self.shown()).split("\n")
        columns = os.get_terminal_size(1).columns
        self.rows = sum(max(0, len(line) - 1) // columns for line in lines) + len(lines) - 1
        out("\n".join(lines))


class Agent:
    def __init__(self) -> None:
        self.box = Box()
        self.held = ""
        self.decoder = getincrementaldecoder("utf-8")("replace")

    def read(self, seconds: float | None = None) -> str:
        """What has been typed; empty: nothing in this time."""
        ready, _, _ = select.select([0], [], [], seconds)
        if not ready:
            return ""
        data = os.read(0, 65536)
        if not data:
            sys.exit(0)
        return self.decoder.decode(data)

    def run(self) -> None:
        self.box.draw()
        while True:
            self.held = self.held or self.read(None)
            while "\x1b[200~" in self.held and "\x1b[201~" not in self.held:
                self.held += self.read(None)
            typed, self.held = self.held, ""
            for at, piece in enumerate(PASTE.split(typed)):
                self.paste(piece) if at % 2 else self.type(piece)

    def paste(self, text: str) -> None:
        self.box.text += text.replace("\r", "\n")
        self.box.draw()

    def type(self, keys: str) -> None:
        for key in re.sub(r"\x1b\[[IO]", "", keys):  # it is told of the focus
            if key in "\r\n":
                self.submit()
            elif key == "\x1b":
                self.box.text = ""
            elif key == "\x7f":
                self.box.text = self.box.text[:-1]
            elif key == "\x03":
                sys.exit(130)
            else:
                self.box.text += key
        self.box.draw()

    def submit(self) -> None:
        text, self.box.text = self.box.text, ""
        self.box.erase()
        if HISTORY is not None:
            with HISTORY.open("a") as file:
                file.write(text + "\n")
        try:
            for line in text.split("\n") if is_commands(text) else [""]:
                self.carry_out(line, text)
        except Interrupted:
            out("interrupted\n")

    def wait(self, seconds: float) -> None:
        """With a sign that it works, which moves."""
        end = time.monotonic() + seconds
        at = 0
        while (left := end - time.monotonic()) > 0:
            out(f"\rworking {'|/-'[at % 3]}")
            at += 1
            keys = re.sub(r"\x1b\[[IO]", "", self.read(min(left, 0.1)))
            if keys == "\x1b" and not STUBBORN:
                out("\r\x1b[K")
                raise Interrupted
            self.held += keys
        out("\r\x1b[K")

    def carry_out(self, line: str, text: str) -> None:
        word, _, rest = line.partition(" ")
        match word:
            case "say":
                tell(rest + "\n")
            case "flood":
                out("".join(f"line {number}\n" for number in range(1, int(rest) + 1)))
            case "never":
                self.wait(1e6)
            case "work":
                self.wait(float(rest))
            case "run":
                done = subprocess.run(rest, shell=True, capture_output=True, text=True, check=False)
                tell(done.stdout + done.stderr)
            case "ask":
                tell("May I?\n1. yes\n")
                answer = ""
                while not answer:
                    answer = re.sub(r"\x1b\[[IO]", "", self.read(None))
                tell(f"answered {answer}\n")
            case "size":
                size = os.get_terminal_size(1)
                tell(f"{size.columns}x{size.lines}\n")
            case "recall":
                tell((HISTORY.read_text() if HISTORY else "").replace("\n", " | ") + "\n")
            case "exit":
                sys.exit(int(rest))
            case _:
                tell(f"got {len(text)} {hashlib.sha256(text.encode()).hexdigest()[:12]}\n")


def is_commands(text: str) -> bool:
    words = {"say", "flood", "never", "work", "run", "ask", "size", "recall", "exit"}
    return all(line.partition(" ")[0] in words for line in text.split("\n"))


def main() -> None:
    if "--continue" in sys.argv and (HISTORY is None or not HISTORY.exists()):
        sys.exit("there is nothing to continue")
    if "--dies" in sys.argv:
        sys.exit("it cannot be started")
    before = termios.tcgetattr(0)
    tty.setraw(0)
    out(("\x1b[?1049h" if WHOLE else "") + "\x1b[?2004h")
    agent = Agent()
    signal.signal(signal.SIGWINCH, lambda *_: agent.box.draw())
    try:
        agent.run()
    finally:
        out("\x1b[?2004l" + ("\x1b[?1049l" if WHOLE else ""))
        termios.tcsetattr(0, termios.TCSADRAIN, before)


if __name__ == "__main__":
    main()
