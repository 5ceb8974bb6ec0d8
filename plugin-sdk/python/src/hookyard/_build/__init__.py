"""`python -m hookyard build`: from a plugin's source to its component."""


import sys


def report(step: str) -> None:
    """Tells the author about a step that takes seconds."""
    print(step, file=sys.stderr, flush=True)


class BuildError(Exception):
    """The reason why a plugin cannot be built, as text for its author."""
