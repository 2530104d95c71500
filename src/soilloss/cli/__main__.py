"""``python -m soilloss.cli``."""

from soilloss.cli import main

main()
