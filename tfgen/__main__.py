"""`python -m tfgen` is the command line too, where no `tfgen` is on the path."""

from tfgen.cli import main

if __name__ == "__main__":
    main(prog_name="tfgen")
