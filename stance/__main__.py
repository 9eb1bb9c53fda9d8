"""`python -m stance` does what `stance` does."""

from stance.cli import main

if __name__ == "__main__":
    main()
