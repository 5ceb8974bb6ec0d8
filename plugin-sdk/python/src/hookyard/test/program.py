"""The host's own program, which test hosts call."""

import os
import subprocess


def run(arguments: list[str], text: str, purpose: str) -> subprocess.CompletedProcess[bytes]:
    """Runs `hookyard` with this standard input. The environment variable `HOOKYARD` names the program if it
    is not in the path."""
    program = os.environ.get("HOOKYARD") or "hookyard"
    try:
        done = subprocess.run([program, *arguments], input=text.encode(), capture_output=True, check=False)
    except OSError as error:
        raise RuntimeError(
            f"{program} does not start ({error}): {purpose} the host's own program;"
            " put it in the path, or name it in HOOKYARD"
        ) from None
    if b"unrecognized subcommand" in done.stderr:
        raise RuntimeError(
            f"{program} is older than this SDK: it has no `{' '.join(arguments[:2])}`; update it"
        )
    return done
