"""``python -m dsm_core`` is ``dsm``."""

from dsm_core.cli import main

if __name__ == "__main__":
    main()
