"""`python -m sangja` is the command `sangja`."""

from sangja.cli import main

if __name__ == "__main__":
    main()
