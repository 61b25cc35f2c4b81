"""Version 1: one file per resource, each with its `routes`. Handlers translate between HTTP and core, nothing else."""
