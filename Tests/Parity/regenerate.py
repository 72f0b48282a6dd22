#!/usr/bin/env python3
"""Runs the generators, each in the Python that has its libraries, and says what differs from the committed expectations.

    Tests/Parity/regenerate.py [NAME …]     all generators, or those whose names contain one of the words

CHEXGEN_REFERENCE and CHEXGEN_RADIOMICS name the Pythons (`make reference` makes both). The expectations are written in place:
an empty `git diff` shows that they are what the libraries give today. Where bytes differ, the largest relative difference of
the numbers is printed. Exits with 1 where anything differs or a generator fails.
"""

import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = pathlib.Path.home() / ".cache"
PYTHONS = {
    "reference": os.environ.get("CHEXGEN_REFERENCE", str(CACHE / "chexgen-reference/bin/python")),
    "radiomics": os.environ.get("CHEXGEN_RADIOMICS", str(CACHE / "chexgen-radiomics/bin/python")),
}
# Modules that generators share.
SHARED = {"formula.py", "places.py", "taming_model.py"}
RADIOGRAPHS = pathlib.Path(os.environ.get("CHEXGEN_RADIOGRAPHS", ROOT.parent / "shared/cxr"))


def python_of(script):
    return PYTHONS["radiomics" if script.name.startswith("radiomics_") else "reference"]


def run(script):
    """Whether a generator ended well."""
    words = [python_of(script), str(script)]
    if script.name == "imaging_expectations.py" and (RADIOGRAPHS / "files").exists():
        words += ["--radiographs", str(RADIOGRAPHS)]
    start = time.monotonic()
    done = subprocess.run(words, cwd=script.parent, capture_output=True, text=True,
                          # Sets of names, such as peft's modules, are written in the order of their hashes.
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"})
    print(f"{script.name:32}{time.monotonic() - start:7.1f} s" + ("" if done.returncode == 0 else "  FAILED"), flush=True)
    if done.returncode:
        print(done.stdout[-500:], done.stderr[-1500:], flush=True)
    return done.returncode == 0


def numbers(name, content):
    """The numbers of a fixture by name, for the kinds whose numbers may differ in their last digits."""
    if name.endswith(".safetensors"):
        length = struct.unpack("<Q", content[:8])[0]
        header = json.loads(content[8:8 + length])
        kinds = {"F32": "f", "F64": "d"}
        found = {}
        for key, entry in header.items():
            if key != "__metadata__" and entry["dtype"] in kinds:
                first, last = entry["data_offsets"]
                data = content[8 + length + first:8 + length + last]
                found[key] = [value for value, in struct.iter_unpack("<" + kinds[entry["dtype"]], data)]
        return found
    if name.endswith(".json"):
        found = {}

        def walk(value, path):
            if isinstance(value, (int, float)):
                found.setdefault(path, []).append(float(value))
            for key, item in (value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()):
                walk(item, path if isinstance(value, list) else f"{path}/{key}")

        walk(json.loads(content), "")
        return found
    return {}


def difference(name, old, new):
    """In words, how far apart the numbers of two versions of a file are."""
    before, after = numbers(name, old), numbers(name, new)
    if not before or before.keys() != after.keys() or any(len(before[key]) != len(after[key]) for key in before):
        return "its content differs"
    worst, where = 0.0, ""
    for key in before:
        norm = math.sqrt(sum(value * value for value in before[key])) or 1.0
        off = math.sqrt(sum((a - b) ** 2 for a, b in zip(before[key], after[key]))) / norm
        if not off <= worst:
            worst, where = off, key
    return f"the largest relative difference is {worst:.1e}, in {where}" if worst else "its text differs, its numbers do not"


def main():
    scripts = sorted(path for path in (HERE / "generators").glob("*.py") if path.name not in SHARED)
    scripts = [path for path in scripts if not sys.argv[1:] or any(word in path.name for word in sys.argv[1:])]
    for python in {python_of(script) for script in scripts}:
        if not os.access(python, os.X_OK):
            sys.exit(f"no Python with the reference libraries at {python}: run `make reference`")
    good = all([run(script) for script in scripts])
    git = lambda *words: subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True).stdout
    folder = "Tests/Parity/fixtures"
    changed = git("diff", "--name-only", "HEAD", "--", folder).decode().split()
    changed += git("ls-files", "--others", "--exclude-standard", "--", folder).decode().split()
    for name in changed:
        old = git("show", f"HEAD:{name}")
        print(f"{name}: " + (difference(name, old, (ROOT / name).read_bytes()) if old else "is new"))
    print(f"{len(scripts)} generators, {len(changed)} files differ from the committed ones")
    sys.exit(0 if good and not changed else 1)


if __name__ == "__main__":
    main()
