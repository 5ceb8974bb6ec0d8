"""The command line: `python -m hookyard build`."""

from hookyard._build.command import main

if __name__ == "__main__":
    raise SystemExit(main())
