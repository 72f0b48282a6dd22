"""Where expectations go: ../fixtures, or the folder that CHEXGEN_FIXTURES names."""

import os
import pathlib

FIXTURES = pathlib.Path(os.environ.get("CHEXGEN_FIXTURES") or pathlib.Path(__file__).resolve().parent.parent / "fixtures")


def folder(name):
    """The folder of a room's expectations, made where it is missing."""
    path = FIXTURES / name
    path.mkdir(parents=True, exist_ok=True)
    return path
