"""What the Python reference gives for the experiments `fidelity` and `conditional` under `protocol: chexgenbench`.

    python fidelity_reference.py weights FOLDER --seed S [--small] [--legacy]
    python fidelity_reference.py tables FOLDER --radiographs DIR --seed S [--real N] [--synthetic N] [--relabel]
    python fidelity_reference.py run --real-csv CSV --real-dir DIR --synthetic-csv CSV --synthetic-dir DIR \\
        --weights FOLDER [--pathology NAME|all] [--features FOLDER] [--full] --out results.json

`weights` draws fresh weights for both networks and saves them as the published files are saved; `tables` makes a real
and a synthetic table (with images) from radiographs; `run` measures. Both networks see every image once: the metrics
are fed with their features through an identity "network", so that everything after the features is the libraries' own.
Only the FID of a pathology is, without --full, computed by a faster equal formula; for the whole set both are recorded.

Made for torch 2.15, torchmetrics 1.7.1, torch-fidelity 0.3.0, transformers 4.50.3, prdc 0.2, pandas 2.2.3, Pillow 11.1.
"""

import argparse
import ast
import json
import math
import sys
import time
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageEnhance, ImageFilter
from torch import nn

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
RAD_DINO_FOLDER = "rad-dino"
PATHOLOGIES = [
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture", "Lung Lesion",
    "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax", "Support Devices",
]
SIDE = 299
NEAREST_K = 5
REFERENCE_SEED = 42
SCORE_SEEDS = 100


def log(text):
    print(text, file=sys.stderr, flush=True)


# Fresh weights


def soft_images(count, generator):
    """uint8 [count, 3, 299, 299]: grey random fields of unlike smoothness, brightness and contrast, some bordered."""
    drawn = torch.rand(count, 4, generator=generator)
    images = torch.zeros(count, 1, SIDE, SIDE)
    for cells in (2, 4, 9, 19, 40, 90, SIDE):
        field = torch.randn(count, 1, cells, cells, generator=generator)
        weight = cells ** -(0.6 + drawn[:, 0]).view(-1, 1, 1, 1)
        images += weight * nn.functional.interpolate(field, size=(SIDE, SIDE), mode="bilinear")
    for image, (_, brightness, contrast, border) in zip(images, drawn.tolist()):
        image.copy_(70 + 110 * brightness + (15 + 55 * contrast) * (image - image.mean()) / image.std())
        width = int(40 * border) if border > 0.5 else 0
        image[:, :, :width] = 0
        image[:, :, SIDE - width :] = 0
    return images.clamp(0, 255).to(torch.uint8).expand(-1, 3, -1, -1).contiguous()


def random_inception(generator):
    """torch-fidelity's InceptionV3 with random weights whose activations keep their size through all layers."""
    from torch_fidelity import feature_extractor_inceptionv3 as module

    class Unloaded(module.FeatureExtractorInceptionV3):
        def load_state_dict(self, *arguments, **options):
            return None

    with mock.patch.object(module, "load_state_dict_from_url", return_value={}):
        network = Unloaded("inception-v3-compat", ["2048"])
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.normal_(0, math.sqrt(2 / layer.weight[0].numel()), generator=generator)
    for norm in norms:
        norm.weight.uniform_(0.6, 1.4, generator=generator)
        norm.bias.normal_(0, 0.2, generator=generator)
        norm.reset_running_stats()
        norm.momentum = None  # One batch in training mode then makes the running statistics that batch's own.
    network.fc.weight.normal_(0, 1 / math.sqrt(2048), generator=generator)
    network.fc.bias.normal_(0, 0.2, generator=generator)
    network.train()
    with torch.no_grad():
        network(soft_images(12, generator))
    for norm in norms:
        # The statistics of a trained network are not those of the images it sees, so these are moved off them as well.
        shift = torch.randn(norm.running_mean.shape, generator=generator) * 0.1
        norm.running_mean += shift * norm.running_var.sqrt()
        norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.8, 1.4, generator=generator)
    return network.eval()


def random_rad_dino(generator, small):
    """A Dinov2Model of the published shape (ViT-B/14 at 518 px), or a small one, with random weights."""
    from transformers import Dinov2Config, Dinov2Model

    shape = {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4} if small else {}
    model = Dinov2Model(Dinov2Config(image_size=518, patch_size=14, **shape))
    with torch.no_grad():
        for name, value in model.named_parameters():
            draw = torch.randn(value.shape, generator=generator)
            if "lambda1" in name:
                value.uniform_(0.2, 1.0, generator=generator)
            elif "norm" in name and name.endswith("weight"):
                value.uniform_(0.6, 1.4, generator=generator)
            elif name.endswith("bias"):
                value.copy_(0.1 * draw)
            elif "embeddings." in name and "projection" not in name:
                value.copy_(0.3 * draw)
            else:
                # Queries and keys are a little larger, so that attention is not flat; outputs keep the residual's size.
                gain = 1.5 if "query" in name or "key" in name else 1.0
                value.copy_(gain * draw / math.sqrt(value[0].numel()))
    return model.eval()


def make_weights(options):
    from transformers import BitImageProcessor

    folder = Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(options.seed)
    inception = random_inception(generator)
    torch.save(inception.state_dict(), folder / INCEPTION_FILE, _use_new_zipfile_serialization=not options.legacy)
    random_rad_dino(generator, options.small).save_pretrained(folder / RAD_DINO_FOLDER)
    BitImageProcessor(
        do_resize=True, size={"shortest_edge": 518}, resample=3, do_center_crop=True,
        crop_size={"height": 518, "width": 518}, do_rescale=True, rescale_factor=1 / 255, do_normalize=True,
        image_mean=[0.5307] * 3, image_std=[0.2583] * 3, do_convert_rgb=True,
    ).save_pretrained(folder / RAD_DINO_FOLDER)
    log(f"{folder}: {len(inception.state_dict())} tensors of InceptionV3; {RAD_DINO_FOLDER}/")


# Test tables


def altered(image, rng):
    """A radiograph a little turned, blurred, noisier and of another brightness, as 512 x 512 RGB."""
    image = image.convert("RGB").resize((512, 512), Image.Resampling.BICUBIC)
    image = image.rotate(rng.uniform(-8, 8), Image.Resampling.BILINEAR)
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 3)))
    image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.8, 1.2))
    noisy = np.asarray(image, np.float32) + rng.normal(0, rng.uniform(0, 8), (512, 512, 1))
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


def drawn_labels(rng):
    """A label dictionary with every kind of value that the published tables hold."""
    values = rng.choice(np.array([None, 0.0, 1.0, -1.0], object), len(PATHOLOGIES), p=[0.4, 0.1, 0.4, 0.1])
    return repr(dict(zip(PATHOLOGIES, values)))


def make_tables(options):
    folder, radiographs = Path(options.folder), Path(options.radiographs)
    (folder / "synthetic").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    table = pd.read_csv(radiographs / "annotations.csv")
    rows = rng.permutation(len(table))
    real = table.iloc[rows[: options.real]].reset_index(drop=True)
    if options.relabel:
        real["chexpert_labels"] = [drawn_labels(rng) for _ in range(len(real))]
    real.to_csv(folder / "real.csv", index=False)

    # Most prompts are the real table's, several of them more than once; some are of radiographs that it does not hold.
    inside = real["annotated_prompt"].drop_duplicates().to_numpy()
    outside = np.setdiff1d(table["annotated_prompt"].dropna().to_numpy(), inside)
    sources = table.iloc[rng.choice(len(table), options.synthetic, replace=options.synthetic > len(table))]
    records = []
    for number, source in enumerate(sources["path"]):
        pool = outside if len(outside) and rng.random() < 0.1 else inside
        name = f"SyntheticImg_{number:04d}.png"
        altered(Image.open(radiographs / source), rng).save(folder / "synthetic" / name)
        records.append({"id": f"s{number:04d}", "annotated_prompt": rng.choice(pool), "img_savename": name})
    synthetic = pd.DataFrame(records)
    synthetic.to_csv(folder / "synthetic.csv", index=False)
    log(f"{len(real)} real rows ({len(inside)} prompts), {len(synthetic)} synthetic rows "
        f"({synthetic['annotated_prompt'].nunique()} prompts) in {folder}")


# The reference's selection and features


def real_rows(options):
    """The real table, one row a prompt, with a column for each pathology where one is asked for."""
    real = pd.read_csv(options.real_csv)
    real = real.drop_duplicates(subset=[options.prompt]).reset_index(drop=True)
    if options.pathology:
        labels = real[options.labels].apply(ast.literal_eval)
        for name in PATHOLOGIES:
            real[name] = labels.apply(lambda entry, name=name: entry[name])
        # The reference fills the gaps of all columns: a missing prompt becomes 0 and then equals no synthetic prompt.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            real = real.fillna(0)
    return real


def image_299(path, unreadable):
    """uint8 [3, 299, 299] as the reference's data set and its scaling to bytes give it; black where unreadable."""
    from torchvision import transforms

    transform = transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor()])
    try:
        scaled = transform(Image.open(path).convert("RGB"))
    except Exception as error:  # The reference catches everything here.
        unreadable.append({"path": str(path), "reason": str(error)})
        scaled = transform(Image.new("RGB", (SIDE, SIDE)))
    return (scaled * 255).to(torch.uint8)


class Networks:
    """Both networks with the weights of a folder; `features` gives their outputs for a list of image files."""

    def __init__(self, folder):
        from torchmetrics.image.fid import NoTrainInceptionV3
        from transformers import AutoImageProcessor, AutoModel

        folder = Path(folder)
        weights, outputs = str(folder / INCEPTION_FILE), ["2048", "logits_unbiased"]

        def build_inception():
            return NoTrainInceptionV3("inception-v3-compat", outputs, weights)

        # The reference's stream of random numbers: its order of construction, up to where its metrics are computed.
        torch.manual_seed(REFERENCE_SEED)
        self.inception = build_inception()
        self.rad_dino = AutoModel.from_pretrained(folder / RAD_DINO_FOLDER).eval()
        self.processor = AutoImageProcessor.from_pretrained(folder / RAD_DINO_FOLDER, use_fast=False)
        torch.randint(0, 255, (1, 3, SIDE, SIDE), dtype=torch.uint8)  # FID's trial image for a network of one's own
        build_inception()  # of KID
        build_inception()  # of the Inception Score
        for _ in range(2):
            iter(torch.utils.data.DataLoader([0]))  # Each data loader draws a seed for its workers.
        self.stream = torch.get_rng_state()

    def features(self, paths, batch, unreadable, what):
        """{name: float32 [n, d]} of the images; a file that occurs twice is computed once."""
        unique = list(dict.fromkeys(paths))
        found = {"inception-v3": [], "logits_unbiased": [], "rad-dino": []}
        for start in range(0, len(unique), batch):
            began = time.perf_counter()
            images = torch.stack([image_299(path, unreadable) for path in unique[start : start + batch]])
            with torch.inference_mode():
                pooled, logits = self.inception._torch_fidelity_forward(images)
                middle = time.perf_counter()
                encoded = self.rad_dino(**self.processor(images=images, return_tensors="pt")).pooler_output
            for name, value in zip(found, (pooled, logits, encoded)):
                found[name].append(value)
            log(f"{what}: {min(start + batch, len(unique))} of {len(unique)} images, "
                f"{middle - began:.1f} s + {time.perf_counter() - middle:.1f} s")
        order = [unique.index(path) for path in paths]
        return {name: torch.cat(values)[order].clone() for name, values in found.items()}


# The reference's metrics


class Identity(nn.Module):
    """Stands for a network in torchmetrics: what is given to it are features already."""

    def __init__(self, num_features):
        super().__init__()
        self.num_features = num_features

    def forward(self, features):
        return features


def attempt(compute):
    """What `compute` gives, or None and why not, where the reference would stop."""
    try:
        return compute(), None
    except (ValueError, RuntimeError, IndexError) as error:
        return None, f"{type(error).__name__}: {error}"


def frechet_of_few(real, synthetic):
    """The Frechet distance without d x d matrices, in float64.

    With centred features X and Y the eigenvalues of S1 S2 that are not zero are the squared singular values of X Y^T
    over (n-1)(m-1), so the trace of the root is the sum of those singular values over the root of that. For fewer
    images than features this takes milliseconds, the eigenvalues of a 2048 x 2048 matrix minutes on a busy machine.
    """
    real, synthetic = real.double(), synthetic.double()
    x, y = real - real.mean(0), synthetic - synthetic.mean(0)
    n, m = len(x) - 1, len(y) - 1
    if n < 1 or m < 1:
        raise RuntimeError("More than one sample is required for both the real and fake distributed to compute FID")
    shift = (real.mean(0) - synthetic.mean(0)).square().sum()
    root = torch.linalg.svdvals(x @ y.T).sum() / math.sqrt(n * m)
    return (shift + x.square().sum() / n + y.square().sum() / m - 2 * root).float().item()


def measure(real, synthetic, stream, batch, full):
    """Every column of the reference for two sets of features ({name: float32 [n, d]}).

    With `full` FID is torchmetrics' own; without it is `frechet_of_few`, which is recorded beside it in any case.
    """
    from prdc import compute_prdc
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.inception import InceptionScore
    from torchmetrics.image.kid import KernelInceptionDistance

    def fid(name):
        metric = FrechetInceptionDistance(feature=Identity(real[name].shape[1]))
        for value, is_real in ((real[name], True), (synthetic[name], False)):
            for part in value.split(batch):
                metric.update(part, real=is_real)
        return metric.compute().item()

    def kid(name):
        size = min(len(real[name]), len(synthetic[name]))
        metric = KernelInceptionDistance(subset_size=size, feature=Identity(real[name].shape[1]))
        metric.update(real[name], real=True)
        metric.update(synthetic[name], real=False)
        return [value.item() for value in metric.compute()]

    def inception_score():
        metric = InceptionScore(feature=Identity(2048))
        metric.update(synthetic["inception-v3"])
        return metric.compute()[0].item()

    def prdc():
        found = compute_prdc(real["rad-dino"], synthetic["rad-dino"], nearest_k=NEAREST_K)
        return {name: float(value) for name, value in found.items()}

    values, errors, extra = {}, {}, {}

    def put(column, compute):
        value, error = attempt(compute)
        if error is not None:
            errors[column] = error
        return value

    # The order of the reference, because the three below FID draw from one stream.
    for column, name in (("FID", "inception-v3"), ("FID (RadDino)", "rad-dino")):
        few = put(column, lambda: frechet_of_few(real[name], synthetic[name]))
        values[column], extra[f"{column} by singular values"] = few, few
        if full:
            values[column] = put(column, lambda: fid(name))
    extra["FID route"] = "torchmetrics" if full else "singular values"
    torch.set_rng_state(stream)
    for column, name in (("KID", "inception-v3"), ("KID (RadDino)", "rad-dino")):
        mean, deviation = put(column, lambda: kid(name)) or (None, None)
        values[column], extra[f"{column} std"] = mean, deviation
    values["Inception Score"] = put("Inception Score", inception_score)
    if values["Inception Score"] is not None:
        scores = []
        for seed in range(SCORE_SEEDS):
            torch.manual_seed(seed)
            scores.append(inception_score())
        extra["Inception Score over seeds"] = {
            "seeds": SCORE_SEEDS, "mean": float(np.mean(scores)), "std": float(np.std(scores)),
            "min": min(scores), "max": max(scores),
        }
    neighbours = put("Precision, Recall, Density, Coverage", prdc) or {}
    for column in ("Precision", "Recall", "Density", "Coverage"):
        values[column] = neighbours.get(column.lower())

    for column, value in values.items():
        if value is not None and not math.isfinite(value):
            values[column], errors[column] = None, f"the reference gives {value}"
    return {
        "rounded": {column: None if value is None else round(value, 3) for column, value in values.items()},
        "unrounded": values, "errors": errors, **extra,
    }


def run(options):
    from transformers.utils import logging

    logging.set_verbosity_error()
    warnings.filterwarnings("ignore", category=UserWarning)
    torch.set_num_threads(options.threads)
    real = real_rows(options)
    synthetic = pd.read_csv(options.synthetic_csv)
    networks = Networks(options.weights)
    unreadable = []
    features = {}
    for side, table, folder, column in (
        ("real", real, options.real_dir, options.real_image),
        ("synthetic", synthetic, options.synthetic_dir, options.synthetic_image),
    ):
        paths = [str(Path(folder, name)) for name in table[column]]
        features[side] = networks.features(paths, options.batch, unreadable, side)
        if options.features:
            Path(options.features).mkdir(parents=True, exist_ok=True)
            for name, value in features[side].items():
                np.save(Path(options.features, f"{side}-{name}.npy"), value.numpy())

    def selected(real_mask, synthetic_mask, full):
        chosen = {}
        for side, mask in (("real", real_mask), ("synthetic", synthetic_mask)):
            chosen[side] = {name: value[torch.from_numpy(mask)] for name, value in features[side].items()}
        found = measure(chosen["real"], chosen["synthetic"], networks.stream, options.batch, full)
        sizes = {"real": int(real_mask.sum()), "synthetic": int(synthetic_mask.sum())}
        return {**sizes, "real_rows": np.flatnonzero(real_mask).tolist(),
                "synthetic_rows": np.flatnonzero(synthetic_mask).tolist(), **found}

    results = {"unreadable": unreadable}
    results["whole"] = selected(np.ones(len(real), bool), np.ones(len(synthetic), bool), full=True)
    wanted = PATHOLOGIES if options.pathology == "all" else [options.pathology] if options.pathology else []
    for name in wanted:
        real_mask = (real[name] == 1).to_numpy()
        synthetic_mask = synthetic[options.prompt].isin(real[options.prompt][real_mask].to_list()).to_numpy()
        results.setdefault("pathologies", {})[name] = selected(real_mask, synthetic_mask, options.full)
    Path(options.out).write_text(json.dumps(results, indent=1, allow_nan=False) + "\n")

    columns = list(results["whole"]["rounded"])
    print("\t".join(["set", "real", "synthetic"] + columns))
    for name, found in [("whole", results["whole"]), *results.get("pathologies", {}).items()]:
        print("\t".join(map(str, [name, found["real"], found["synthetic"], *found["rounded"].values()])))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser("weights", help="fresh random weights of both networks")
    command.add_argument("folder")
    command.add_argument("--seed", type=int, required=True)
    command.add_argument("--small", action="store_true", help="a Dinov2 of 4 layers and 64 channels, for quick tests")
    command.add_argument("--legacy", action="store_true", help="the .pth file in the format before torch 1.6")
    command.set_defaults(action=make_weights)

    command = commands.add_parser("tables", help="a real and a synthetic table made from radiographs")
    command.add_argument("folder")
    command.add_argument("--radiographs", required=True, help="a folder with annotations.csv and its images")
    command.add_argument("--seed", type=int, required=True)
    command.add_argument("--real", type=int, default=99, help="rows of the real table, before one a prompt is kept")
    command.add_argument("--synthetic", type=int, default=99)
    command.add_argument("--relabel", action="store_true", help="draw labels, so that every pathology has rows")
    command.set_defaults(action=make_tables)

    command = commands.add_parser("run", help="the reference's numbers")
    for name in ("--real-csv", "--real-dir", "--synthetic-csv", "--synthetic-dir", "--weights", "--out"):
        command.add_argument(name, required=True)
    command.add_argument("--pathology", choices=["all", *PATHOLOGIES], help="measure these as well as the whole set")
    command.add_argument("--features", help="a folder for the features as .npy, rows as in the de-duplicated tables")
    command.add_argument("--real-image", default="path")
    command.add_argument("--synthetic-image", default="img_savename")
    command.add_argument("--prompt", default="annotated_prompt")
    command.add_argument("--labels", default="chexpert_labels")
    command.add_argument("--full", action="store_true", help="torchmetrics' own FID for the pathologies too")
    command.add_argument("--batch", type=int, default=32)
    command.add_argument("--threads", type=int, default=2)
    command.set_defaults(action=run)
    return parser.parse_args()


if __name__ == "__main__":
    chosen = arguments()
    chosen.action(chosen)
