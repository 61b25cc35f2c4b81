"""`GET /metrics`: a hub in numbers, in the text format 0.0.4 of Prometheus."""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Final

from roost.core.appends import BOUNDS_SECONDS
from roost.core.measures import Taken

MEDIA_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"

Samples = Mapping[str, float]
"""By what follows the name: a suffix, labels, nothing."""


def rendered(taken: Taken, version: str) -> bytes:
    return "".join(_lines(taken, version)).encode()


def _lines(taken: Taken, version: str) -> Iterator[str]:
    done = taken.appends
    phases = {f'{{phase="{phase}"}}': number for phase, number in taken.phases.items()}
    streams = {f'{{kind="{kind}"}}': number for kind, number in taken.open.items()}
    yield from _metric("roost_info", "gauge", "The hub's version.", {f'{{version="{version}"}}': 1})
    yield from _metric("roost_sessions", "gauge", "Sessions by phase, hidden ones too.", phases)
    yield from _metric("roost_runs_open", "gauge", "Runs that are going on.", {"": taken.runs})
    yield from _metric("roost_links", "gauge", "Hosts that are connected.", {"": taken.links})
    yield from _metric("roost_streams", "gauge", "Open event streams and sockets.", streams)
    yield from _metric("roost_events_appended_total", "counter", "Events committed since the start.", {"": done.events})
    yield from _metric("roost_commits_total", "counter", "Appends committed since the start.", {"": done.commits})
    yield from _metric("roost_append_seconds", "histogram", "From the append to its commit.", _histogram(taken))
    yield from _metric("roost_feed_pos", "gauge", "The last position of the feed.", {"": taken.pos})
    if taken.rss_bytes is not None:
        rss = {"": taken.rss_bytes}
        yield from _metric("process_resident_memory_bytes", "gauge", "Memory of the hub's process.", rss)
    cpu = {"": taken.cpu_seconds}
    yield from _metric("process_cpu_seconds_total", "counter", "Processor time of the hub's process.", cpu)


def _histogram(taken: Taken) -> Samples:
    done = taken.appends
    bounds = [*(str(bound) for bound in BOUNDS_SECONDS), "+Inf"]
    buckets = {f'_bucket{{le="{le}"}}': n for le, n in zip(bounds, accumulate(done.slots), strict=True)}
    return {**buckets, "_sum": done.seconds, "_count": done.commits}


def _metric(name: str, kind: str, says: str, samples: Samples) -> Iterator[str]:
    yield f"# HELP {name} {says}\n# TYPE {name} {kind}\n"
    for rest, value in samples.items():
        yield f"{name}{rest} {value}\n"
