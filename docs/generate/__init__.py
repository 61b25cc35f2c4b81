"""What `docs/build.py` renders. Each module here makes pages from the code, and lists them in `PAGES`."""
