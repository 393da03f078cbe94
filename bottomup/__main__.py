"""`python -m bottomup` is the console script `bottomup`."""

from bottomup.cli import main

if __name__ == "__main__":
    main()
