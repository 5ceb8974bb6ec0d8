"""`python -m hookyard build`: from a plugin's source to its component."""


class BuildError(Exception):
    """Why a plugin cannot be built, for its author."""
