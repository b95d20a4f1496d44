"""The command `landcover`, also as `python -m landcover`."""

import sys


def main() -> None:
    """Run the command line; told in one line if it is interrupted, from the first import on."""
    try:
        from landcover.cli import main as run

        run()
    except KeyboardInterrupt:
        print("Interrupted: nothing was begun", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
