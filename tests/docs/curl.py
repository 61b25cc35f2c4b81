"""The few things that the pages do with curl, for machines that have none: `-s -N -H -d --max-time URL`."""

import argparse
import sys
from urllib.request import Request, urlopen


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-N", action="store_true")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    parser.add_argument("--max-time", type=float, default=30)
    parser.add_argument("url")
    given = parser.parse_args()
    headers = dict(line.split(": ", 1) for line in given.H)
    data = given.d.encode() if given.d else None
    with urlopen(Request(given.url, data, headers), timeout=given.max_time) as answer:
        try:
            while line := answer.readline():
                sys.stdout.write(line.decode())
        except TimeoutError:
            sys.exit(28)


if __name__ == "__main__":
    main()
