"""`python -m shanyrak`."""

from shanyrak.cli.main import main

if __name__ == "__main__":
    main()
