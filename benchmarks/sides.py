"""The processes of a benchmark: each says `ready`, then answers every line that it gets."""

import os
import subprocess


def start(command, threads):
    """Starts one side, held to some threads, and waits until it is ready."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               text=True, env=dict(os.environ, CHEXGEN_THREADS=str(threads),
                                                   OMP_NUM_THREADS=str(threads)))
    while (line := process.stdout.readline()) and line.strip() != "ready":
        pass
    if not line:
        raise SystemExit("could not start: " + " ".join(command))
    return process
