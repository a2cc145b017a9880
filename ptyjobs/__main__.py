"""`python -m ptyjobs` and the console script `ptyjobs`."""

from __future__ import annotations


def main() -> int:
    import gc

    gc.disable()  # what is imported stays: no collector need look for it, see cli.main
    try:
        from ptyjobs.cli.main import main as cli_main

        return cli_main()
    except KeyboardInterrupt:  # nothing was begun yet
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
