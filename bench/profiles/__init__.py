"""Where a hub spends its time under load: `python -m bench.profiles` writes one page beside this file for each load.

Needs py-spy (`pip install py-spy`). It looks at the hub from outside and slows it down: nothing is measured here.
"""
