"""Prints the folder of the packages that build plugins, for all environments of this user:

    python tools.py REQUIREMENTS

The folder has the packages of the lock file and pip. It is in the user's cache, one for each lock file and
interpreter, and is made if it is missing. It appears complete or not at all; of several processes one makes
it and the others wait.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def cache() -> Path:
    """The user's cache."""
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (configured if configured.is_absolute() else Path.home() / ".cache") / "hookyard" / "python"


def make(folder: Path, requirements: Path) -> None:
    """Installs the packages in an environment, and keeps those that it has."""
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit("this Python cannot make environments (Debian: apt-get install python3-venv)")
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "--requirement", requirements], check=True)
    (installed,) = environment.glob("lib/python*/site-packages")
    installed.rename(folder / "site-packages")
    shutil.rmtree(environment)


def main() -> None:
    requirements = Path(sys.argv[1]).resolve()
    identity = [requirements.read_text(), sys.version, sysconfig.get_platform(), sys.base_prefix]
    key = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:16]
    done = cache() / key
    done.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{done}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.is_dir():
            print(f"installing the tools of the Python SDK once on this machine, in {done}", file=sys.stderr)
            new = Path(f"{done}.new")
            shutil.rmtree(new, ignore_errors=True)  # a killed process leaves a part
            new.mkdir()
            make(new, requirements)
            new.rename(done)
    print(done / "site-packages")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(map(str, error.cmd))}: exit code {error.returncode}")
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")
