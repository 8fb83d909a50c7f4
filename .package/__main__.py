"""Run the installed package, which is fodlam.py as __init__.py: python -m fodlam."""

from fodlam import command

command()
