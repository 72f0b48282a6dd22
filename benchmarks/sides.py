"""The processes of a benchmark: each says `ready`, then answers every line that it gets with numbers, the seconds first.

Memory and processor time are read from outside, by one rule for every side: the largest resident size since the side said
`ready`, in MiB, and the time that the system counted for all its threads.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

# Our side, built by `swift build -c release --package-path benchmarks`.
BENCH = os.environ.get("CHEXGEN_BENCH") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), ".build/release/chexgen-bench")
TICKS = os.sysconf("SC_CLK_TCK")
# What each library reads, so that none takes more threads than another.
THREAD_VARIABLES = ("CHEXGEN_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Side:
    """One process, held to some threads."""

    def __init__(self, command, threads, environment=None):
        command = [str(word) for word in command]
        self.errors = tempfile.TemporaryFile("w+")
        limits = {name: str(threads) for name in THREAD_VARIABLES}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, env={**os.environ, **limits, **(environment or {})})
        self.answers = []
        self.processor = []
        while (line := self.process.stdout.readline()) and line.strip() != "ready":
            pass
        if not line:
            self.fail("could not start: " + " ".join(command))
        # Resets the largest resident size to the present one.
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as file:
            file.write("5")

    def fail(self, what):
        self.errors.seek(0)
        raise SystemExit(what + "\n" + self.errors.read()[-2000:])

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def ask(self):
        """Works once and keeps what it took."""
        before = self.processor_seconds()
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.fail("ended while it worked")
        self.answers.append([float(word) for word in line.split()])
        self.processor.append(self.processor_seconds() - before)
        return self.answers[-1]

    def seconds(self):
        """The median of the seconds."""
        return statistics.median(answer[0] for answer in self.answers)

    def processor_median(self):
        return statistics.median(self.processor)

    def peak(self):
        """The largest resident size since `ready`, in MiB."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) // 1024

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def serve(run):
    """The loop of a peer's process: `run` works once; what it gives back is printed behind the seconds."""
    run()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        values = run()
        taken = time.perf_counter() - start
        print(taken, *(values if isinstance(values, (list, tuple)) else ()), flush=True)
