"""Timesteps, sigmas and trajectories of diffusers' schedulers, for DiffusionTests.

usage: python diffusion_schedulers.py [seed [count]]   with a seed, random configurations instead of the committed ones

torch's square root in f32 is MKL's on x86, which is not rounded correctly: a fifth of the results are a unit off, and
which of them depends on the CPU. The differences of square roots in the rescale to zero terminal SNR turn that into errors
of up to 1e-3. Here square roots are rounded correctly, so that the expectations do not depend on the machine;
CHEXGEN_TORCH_SQRT=1 leaves torch's alone.
"""

import json
import math
import os
import random
import sys

import diffusers
import torch
from diffusers.configuration_utils import FrozenDict
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from diffusers.utils.torch_utils import randn_tensor

import places

if not os.environ.get("CHEXGEN_TORCH_SQRT"):
    power, root = torch.Tensor.__pow__, torch.Tensor.sqrt
    rounded = lambda x: root(x.double()).float()
    torch.Tensor.sqrt = rounded
    torch.sqrt = rounded
    torch.Tensor.__pow__ = lambda x, e: rounded(x) if isinstance(e, float) and e == 0.5 else power(x, e)

SHAPE = (2, 4, 2, 3)
SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}


def model(x, t):
    """A stand-in for a network, with roundings that are easy to repeat."""
    return 0.1 * x + math.sin(float(t))


def altered(scheduler):
    """What StableDiffusionPipeline makes of the scheduler that it is built with."""
    config = dict(scheduler.config)
    if config.get("steps_offset", 1) != 1:
        config["steps_offset"] = 1
    if config.get("clip_sample", False) is True:
        config["clip_sample"] = False
    scheduler._internal_dict = FrozenDict(config)
    return scheduler


def case(config, steps, eta=0.0, seed=7, other=None, sigmas=None, tokens=None):
    """One run; with `other`, of the scheduler that a pipeline takes in place of its own; of flows with a pipeline's sigmas
    and the number of the image's tokens."""
    config = dict(config)
    name = config["_class_name"]
    kind = getattr(diffusers, name)
    scheduler = kind.from_config({k: v for k, v in config.items() if k != "_class_name"})
    if other:
        name = other
        scheduler = getattr(diffusers, other).from_config(altered(scheduler).config)
    if tokens or sigmas:
        own = scheduler.config
        mu = tokens and calculate_shift(
            tokens, own.base_image_seq_len, own.max_image_seq_len, own.base_shift, own.max_shift)
        scheduler.set_timesteps(steps, sigmas=sigmas, mu=mu)
    else:
        scheduler.set_timesteps(steps)
    initial = getattr(scheduler, "init_noise_sigma", 1.0)
    generators = [torch.Generator().manual_seed(seed + i) for i in range(SHAPE[0])]
    sample = randn_tensor(SHAPE, generator=generators) * initial
    extra = {}
    if name == "DDIMScheduler":
        extra = {"eta": eta, "generator": generators}
    elif name != "PNDMScheduler":
        extra = {"generator": generators}
    middle = None
    for index, t in enumerate(scheduler.timesteps):
        # A schedule may begin with equal timesteps; a pipeline would take the second.
        if hasattr(scheduler, "set_begin_index") and index == 0:
            scheduler.set_begin_index(0)
        output = model(scheduler.scale_model_input(sample, t) if hasattr(scheduler, "scale_model_input") else sample, t)
        sample = scheduler.step(output, t, sample, **extra).prev_sample
        if index == len(scheduler.timesteps) // 2:
            middle = sample
    number = lambda v: float(f"{float(v):.9g}")
    values = lambda x: [number(v) for v in x.permute(0, 2, 3, 1).flatten()]
    if not torch.isfinite(sample).all():
        return None
    extra = {"other": other, "given": sigmas and [number(torch.tensor(s)) for s in sigmas], "tokens": tokens}
    return {k: v for k, v in extra.items() if v} | {
        "config": {k: ("-Infinity" if v == -math.inf else v) for k, v in config.items()},
        "steps": steps,
        "eta": eta,
        "seed": seed,
        "timesteps": [number(t) for t in scheduler.timesteps],
        "sigmas": [number(s) for s in scheduler.sigmas] if name not in ("DDIMScheduler", "DDPMScheduler", "PNDMScheduler") else [],
        "init_noise_sigma": number(initial),
        "middle": values(middle),
        "final": values(sample),
    }


def committed():
    def add(name, steps, eta=0.0, base=SD, **options):
        return case({"_class_name": name, **base, **options}, steps, eta)

    ddim, pndm = "DDIMScheduler", "PNDMScheduler"
    euler, ancestral = "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler"
    dpm = "DPMSolverMultistepScheduler"
    v = {"prediction_type": "v_prediction"}
    flow = "FlowMatchEulerDiscreteScheduler"
    ddpm, offset = "DDPMScheduler", {"steps_offset": 1, "clip_sample": False}

    def swapped(own, other, **options):
        return case({"_class_name": own, **SD, **options}, 10, other=other)

    def flowing(steps, tokens=None, given=False, **options):
        sigmas = [1 + i * (1 / steps - 1) / max(steps - 1, 1) for i in range(steps)] if given else None
        return case({"_class_name": flow, **options}, steps, sigmas=sigmas, tokens=tokens)

    return [
        add(ddim, 50, steps_offset=1, clip_sample=False, set_alpha_to_one=False, **v),
        add(ddim, 100, base={}, steps_offset=1, clip_sample=False, timestep_spacing="trailing"),
        add(ddim, 7, timestep_spacing="trailing", clip_sample=False, rescale_betas_zero_snr=True, **v),
        add(ddim, 20, eta=1.0, clip_sample=False, timestep_spacing="linspace"),
        add(ddim, 30, eta=0.3, clip_sample=True, clip_sample_range=0.7),
        add(ddim, 13, prediction_type="sample"),
        add(ddim, 1, clip_sample=False),
        add(ddim, 10, base={"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 400}),
        add(pndm, 50, skip_prk_steps=True, steps_offset=1, set_alpha_to_one=False, clip_sample=False),
        add(pndm, 25, skip_prk_steps=True, steps_offset=1, **v),
        add(pndm, 20, skip_prk_steps=False, steps_offset=1),
        add(pndm, 4, skip_prk_steps=False, set_alpha_to_one=True, **v),
        add(pndm, 11, skip_prk_steps=True, timestep_spacing="trailing"),
        add(pndm, 2, skip_prk_steps=True, timestep_spacing="linspace"),
        add(pndm, 1, skip_prk_steps=True),
        add(euler, 50),
        add(euler, 30, timestep_spacing="leading", steps_offset=1),
        add(euler, 17, timestep_spacing="trailing", rescale_betas_zero_snr=True, **v),
        add(euler, 20, use_karras_sigmas=True),
        add(euler, 12, use_exponential_sigmas=True, final_sigmas_type="sigma_min", sigma_min=0.05, sigma_max=10.0),
        add(euler, 9, prediction_type="sample"),
        add(euler, 1),
        add(ancestral, 50),
        add(ancestral, 20, timestep_spacing="leading", steps_offset=1, **v),
        add(ancestral, 8, timestep_spacing="trailing", rescale_betas_zero_snr=True, **v),
        add(dpm, 50),
        add(dpm, 20, base={}),
        add(dpm, 25, use_karras_sigmas=True, timestep_spacing="leading", steps_offset=1),
        add(dpm, 10, use_karras_sigmas=True, final_sigmas_type="sigma_min"),
        add(dpm, 14, lower_order_final=False, final_sigmas_type="sigma_min"),
        add(dpm, 16, euler_at_final=True, timestep_spacing="trailing", **v),
        add(dpm, 20, solver_type="heun"),
        add(dpm, 20, solver_order=3),
        add(dpm, 9, solver_order=3, final_sigmas_type="sigma_min", **v),
        add(dpm, 6, solver_order=1),
        add(dpm, 20, algorithm_type="sde-dpmsolver++"),
        add(dpm, 12, algorithm_type="sde-dpmsolver++", solver_type="heun", euler_at_final=True, **v),
        add(dpm, 15, use_lu_lambdas=True),
        add(dpm, 15, use_exponential_sigmas=True),
        add(dpm, 20, base={"beta_schedule": "squaredcos_cap_v2"}, lambda_min_clipped=-5.1),
        add(dpm, 12, base={"beta_schedule": "squaredcos_cap_v2"}, use_karras_sigmas=True, sigma_max=100.0),
        add(dpm, 20, base={}, use_flow_sigmas=True, flow_shift=3.0, prediction_type="flow_prediction"),
        add(dpm, 11, prediction_type="sample"),
        add(dpm, 1),
        add(ddpm, 25, **offset),
        add(ddpm, 10, base={}, timestep_spacing="trailing", **v),
        add(ddpm, 12, variance_type="fixed_large", timestep_spacing="linspace", clip_sample_range=0.8),
        add(ddpm, 8, variance_type="fixed_small_log", prediction_type="sample", clip_sample=False),
        add(ddpm, 7, timestep_spacing="trailing", clip_sample=False, rescale_betas_zero_snr=True, **v),
        add(ddpm, 1, **offset),
        # In place of a pipeline's own scheduler: what that had by default does not count, even where the pipeline
        # alters it.
        swapped("LMSDiscreteScheduler", ddim, **offset, **v),
        swapped("HeunDiscreteScheduler", ddim, timestep_spacing="trailing"),
        swapped("UniPCMultistepScheduler", dpm, solver_order=3, **offset),
        swapped(ddpm, ddim),
        swapped(ddpm, ddim, steps_offset=0, clip_sample=True),
        swapped("KDPM2DiscreteScheduler", euler, steps_offset=0),
        swapped(pndm, ddpm, skip_prk_steps=True, **offset),
        # Stable Diffusion 3.5, FLUX.1, Lumina 2 and Sana; then what none of them has.
        *(flowing(steps, shift=3.0) for steps in (1, 2, 3, 7, 20, 28, 40, 50, 100)),
        *(flowing(steps, tokens, True, shift=3.0, use_dynamic_shifting=True)
          for steps, tokens in ((1, 256), (4, 1024), (20, 1536), (28, 4096), (50, 4096), (50, 16))),
        *(flowing(steps, given=True, shift=6.0) for steps in (1, 13, 50)),
        flowing(25, 800, use_dynamic_shifting=True, base_shift=0.7, max_shift=1.3, base_image_seq_len=100,
                max_image_seq_len=5000),
        flowing(17, 640, True, use_dynamic_shifting=True, time_shift_type="linear"),
        flowing(20, 900, True, use_dynamic_shifting=True, shift_terminal=0.1),
        flowing(20, shift=2.5, shift_terminal=0.02, num_train_timesteps=400),
        flowing(12, shift=3.0, use_karras_sigmas=True),
        flowing(15, 2000, True, use_dynamic_shifting=True, use_exponential_sigmas=True),
        flowing(10, shift=1.5, invert_sigmas=True),
    ]


def drawn(seed, count):
    r = random.Random(seed)
    kinds = ["DDIM", "DDPM", "PNDM", "EulerDiscrete", "EulerAncestralDiscrete", "DPMSolverMultistep"]
    made = []
    while len(made) < count:
        name = r.choice(kinds) + "Scheduler"
        steps = r.choice([1, 2, 3, 4, 5, 10, 14, 15, 16, 20, 23, 33, 50, 77, 100])
        config = {
            "_class_name": name,
            "num_train_timesteps": r.choice([1000, 1000, 400]),
            "beta_schedule": r.choice(["linear", "scaled_linear", "squaredcos_cap_v2"]),
            "timestep_spacing": r.choice(["leading", "linspace", "trailing"]),
            "steps_offset": r.choice([0, 1]),
            "prediction_type": r.choice(["epsilon", "v_prediction", "sample"]),
        }
        if r.random() < 0.5:
            config.update(beta_start=0.00085, beta_end=0.012)
        if r.random() < 0.3 and name != "PNDMScheduler":
            config["rescale_betas_zero_snr"] = True
        flag = lambda key, share=0.5: config.update({key: r.random() < share})
        if name == "DDPMScheduler":
            flag("clip_sample")
            config["variance_type"] = r.choice(["fixed_small", "fixed_small_log", "fixed_large"])
        if name in ("DDIMScheduler", "PNDMScheduler"):
            flag("set_alpha_to_one")
            flag("clip_sample")
            flag("skip_prk_steps")
        if name.startswith("EulerDis") or name.startswith("DPM"):
            key = r.choice(["", "use_karras_sigmas", "use_exponential_sigmas"] + ["use_lu_lambdas"] * (name[0] == "D"))
            if key:
                config[key] = True
            config["final_sigmas_type"] = r.choice(["zero", "sigma_min"])
        if name.startswith("DPM"):
            config["solver_order"] = r.choice([1, 2, 3])
            config["algorithm_type"] = r.choice(["dpmsolver++", "sde-dpmsolver++"])
            config["solver_type"] = r.choice(["midpoint", "heun"])
            flag("lower_order_final")
            flag("euler_at_final", 0.2)
        if config["timestep_spacing"] == "trailing":
            steps = r.choice([1, 2, 4, 5, 10, 20, 50, 100])
        try:
            found = case(config, steps, r.choice([0.0, 0.0, 1.0]) if name == "DDIMScheduler" else 0.0, r.randrange(1000))
        except (IndexError, ValueError, NotImplementedError):
            continue
        if found:
            made.append(found)
    return made


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(drawn(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100)))
    else:
        cases = [found for found in committed() if found]
        path = places.folder("diffusion") / "schedulers.json"
        path.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
        print(len(cases), "cases,", path.stat().st_size, "bytes")
