"""Where a hub spends its time under load: `python -m bench.profiles` writes one page beside this file for each load.

Those in `before/` were made when the cycle collector still looked as often as Python's habit is (`gc_collect_main`).

Needs py-spy (`pip install py-spy`). It looks at the hub from outside and slows it down: nothing is measured here.
"""
