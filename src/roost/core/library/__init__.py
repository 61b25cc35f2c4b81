"""The library: skills, buckets, templates, personas, and the kit that a session is given of them."""

from roost.core.library.library import Library as Library
