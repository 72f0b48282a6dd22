"""The peers of a network: PyTorch eager in both memory layouts, torch.compile (inductor, weights frozen), OpenVINO and ONNX
Runtime, each in a process of its own. A benchmark says how a network and its inputs are made; `main` of it runs as

    python BENCHMARK.py --peer KIND WORK DTYPE FOLDER       the process of a peer, which `serve`s
    python BENCHMARK.py --convert KIND WORK FOLDER          writes the network for OpenVINO or ONNX Runtime

Networks are converted in a process of their own, so that a peer holds the memory that its users hold, and no more.
"""

import os
import subprocess
import sys
import time

from sides import Side

THREADS = int(os.environ.get("CHEXGEN_THREADS", "2"))
PEERS = ("nchw", "nhwc", "compiled", "OpenVINO", "ONNX")
TITLES = {"nchw": "PyTorch nchw", "nhwc": "PyTorch nhwc", "compiled": "torch.compile", "OpenVINO": "OpenVINO",
          "ONNX": "ONNX Runtime"}
# Seconds.
REST = 1
ENDINGS = {"OpenVINO": "xml", "ONNX": "onnx"}


def suited(dtype):
    """The peers that have a dtype: ONNX Runtime's kernels for processors have no bf16."""
    return [kind for kind in PEERS if dtype == "f32" or kind != "ONNX"]


def path(kind, work, folder):
    return os.path.join(folder, f"{work}.{ENDINGS[kind]}")


def convert(kind, work, folder, network, inputs):
    """Writes a network, made by `network()`, for OpenVINO or ONNX Runtime."""
    import torch

    with torch.inference_mode():
        if kind == "OpenVINO":
            import openvino

            model = openvino.convert_model(network(), example_input=tuple(inputs), input=[list(x.shape) for x in inputs])
            openvino.save_model(model, path(kind, work, folder), compress_to_fp16=False)
        else:
            torch.onnx.export(network(), tuple(inputs), path(kind, work, folder), dynamo=True, external_data=True)


def runner(kind, work, dtype, folder, network, inputs):
    """What works once and gives the answer as an array: of the network that `network()` makes, on arrays in PyTorch's order."""
    if kind == "OpenVINO":
        import openvino

        compiled = openvino.Core().compile_model(path(kind, work, folder), "CPU", {
            "INFERENCE_PRECISION_HINT": dtype, "INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY"})
        request = compiled.create_infer_request()
        return lambda: request.infer(inputs)[0]
    if kind == "ONNX":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        session = onnxruntime.InferenceSession(path(kind, work, folder), options, providers=["CPUExecutionProvider"])
        feeds = dict(zip((entry.name for entry in session.get_inputs()), inputs))
        return lambda: session.run(None, feeds)[0]
    import torch

    torch.set_num_threads(THREADS)
    number = {"f32": torch.float32, "bf16": torch.bfloat16}[dtype]
    net, tensors = network().to(number), [torch.from_numpy(x).to(number) for x in inputs]
    if kind != "nchw":
        net = net.to(memory_format=torch.channels_last)
        tensors = [x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in tensors]
    if kind == "compiled":
        import torch._inductor.config

        torch._inductor.config.freezing = True
        net = torch.compile(net)

    def run():
        # inductor freezes weights under no_grad alone.
        with torch.no_grad() if kind == "compiled" else torch.inference_mode():
            return net(*tensors)

    return lambda: run().float().contiguous().numpy()


def start(script, kinds, work, dtype, folder):
    """The peers of a work as sides by their kinds, converted first where that is needed. One that cannot run the work, such as a
    runtime that refuses the network which PyTorch exports for it, is named and left out."""
    cache = {"TORCHINDUCTOR_CACHE_DIR": os.path.expanduser("~/.cache/chexgen-benchmarks/inductor")}
    sides = {}
    for kind in kinds:
        try:
            if kind in ENDINGS and not os.path.exists(path(kind, work, folder)):
                subprocess.run([sys.executable, script, "--convert", kind, work, folder], check=True, text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            sides[kind] = Side([sys.executable, script, "--peer", kind, work, dtype, folder], THREADS, cache)
        except (subprocess.CalledProcessError, SystemExit) as failure:
            said = (getattr(failure, "stderr", None) or str(failure)).strip().splitlines()
            print(f"{TITLES[kind]} cannot run {work}, and is left out: {said[-1] if said else failure}", flush=True)
    return sides


def report(title, sides, amount=None):
    """A line for each side: seconds or, with the amount of a work, amount a second; threads that were busy; memory; and how many
    times as long as the first side it takes. The last line names the best peer."""
    ours = next(iter(sides))
    others = [kind for kind in sides if kind in TITLES]
    mine = sides[ours].seconds()
    print(f"\n{title:<34}{'a second' if amount else 'seconds':>10}{'busy':>7}{'MiB':>8}{'ratio':>8}")
    for kind, side in sides.items():
        shown = amount / side.seconds() if amount else side.seconds()
        busy = side.processor_median() / side.seconds()
        ratio = "" if kind == ours else f"{side.seconds() / mine:8.2f}"
        print(f"  {TITLES.get(kind, kind):<32}{shown:10.2f}{busy:7.2f}{side.peak():8d}{ratio}", flush=True)
    if others:
        best = min(others, key=lambda kind: sides[kind].seconds())
        print(f"  best peer: {TITLES.get(best, best)}, {sides[best].seconds() / mine:.2f} times as long", flush=True)


def rounds(sides, count):
    """Lets every side work in turns. Between two the processor rests: ONNX Runtime's threads go on looking for work for a while, and took
    a tenth of the time of whoever came next."""
    for _ in range(count):
        for side in sides.values():
            time.sleep(REST)
            side.ask()
