"""`python -m ptyjobs` and the console script `ptyjobs`."""

from __future__ import annotations


def main() -> int:
    from ptyjobs.cli.main import main as cli_main

    return cli_main()


if __name__ == "__main__":
    raise SystemExit(main())
