"""Every setting of a run: frozen dataclasses, a file a stage, and the flags that fill them.

A field of such a dataclass is a flag of the same name; its metadata holds the help, the unit and
the bounds. Nothing outside `flags` and `flagfile` knows flags: stages, tests and workers take the
dataclasses.
"""
