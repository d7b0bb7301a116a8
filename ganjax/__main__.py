"""`python -m ganjax`, the command line."""

from ganjax.cli import main

main()
