"""The experiments `privacy` and `alignment` beside computations of their own in PyTorch, with fresh random weights.

    python privacy_reference.py --radiographs FOLDER --program CHEXGEN --seed S [--rows N] [--work FOLDER]

FOLDER holds annotations.csv (path, annotated_prompt, patientID, chexpert_labels) and its films. Weights are saved as the published
files are, films are made of radiographs (one of them a copy of another prompt's film, one its own plus a grey level), and every
table of both protocols is compared with one that is computed here film by film. Prints the largest differences.
"""

import argparse
import ast
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageEnhance, ImageFilter
from torch import nn
from torchvision import transforms
from torchvision.models import resnet50
from torchvision.transforms import InterpolationMode
from transformers import BertConfig, BertModel, BertTokenizer, BitImageProcessor, Dinov2Config, Dinov2Model

sys.path.insert(0, str(Path(__file__).parent.parent / "generators"))

def lively(model, generator):
    """Weights whose answers differ between films: batch norms as after a training, branches that do not run away."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() > 1:
                fan = value[0].numel()
                value.copy_(torch.randn(value.shape, generator=generator) * (2 / fan) ** 0.5)
            elif name.endswith("weight"):
                value.copy_(0.8 + 0.4 * torch.rand(value.shape, generator=generator))
            else:
                value.copy_(0.1 * torch.randn(value.shape, generator=generator))
            if "bn3.weight" in name:
                value.mul_(0.25)
        for name, value in model.named_buffers():
            if name.endswith("running_var"):
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
            elif name.endswith("running_mean"):
                value.copy_(0.1 * torch.randn(value.shape, generator=generator))
    return model.eval()


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = resnet50(num_classes=128)
        self.fc_end = nn.Linear(128, 1)


class Projection(nn.Module):
    def __init__(self, width, outputs):
        super().__init__()
        self.dense_to_hidden = nn.Linear(width, outputs)
        self.LayerNorm = nn.LayerNorm(outputs, eps=1e-12)
        self.dense_to_output = nn.Linear(outputs, outputs)

    def forward(self, x):
        return self.dense_to_output(self.LayerNorm(nn.functional.gelu(self.dense_to_hidden(x))))


class Texts(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.config = BertConfig(vocab_size=vocabulary, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
                                 intermediate_size=128)
        self.bert = BertModel(self.config, add_pooling_layer=False)
        self.cls_projection_head = Projection(64, 128)


class Films(nn.Module):
    def __init__(self):
        super().__init__()
        inner = nn.Module()
        inner.encoder = resnet50()
        inner.backbone_to_vit = nn.Conv2d(2048, 256, 1, bias=False)
        inner.missing_previous_emb = nn.Parameter(torch.zeros(1, 256, 1, 1))
        self.encoder = inner
        self.projector = nn.Module()
        self.projector.model = nn.Sequential(
            nn.Conv2d(512, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(), nn.Conv2d(128, 128, 1))

    def forward(self, x):
        patches = self.encoder.backbone_to_vit(nn.Sequential(*list(self.encoder.encoder.children())[:-2])(x))
        earlier = self.encoder.missing_previous_emb.expand(len(x), -1, *patches.shape[2:])
        return nn.functional.normalize(self.projector.model(torch.cat([patches, earlier], 1)).mean((2, 3)), dim=1)


class Models:
    def __init__(self, folder, captions, generator):
        self.reid = lively(Siamese(), generator)
        with torch.no_grad():
            self.reid.fc_end.weight.mul_(6)
        torch.save(self.reid.state_dict(), folder / "reid.pth")

        dino = folder / "rad-dino"
        self.dino = lively(Dinov2Model(Dinov2Config(hidden_size=96, num_hidden_layers=2, num_attention_heads=3,
                                                    image_size=70, patch_size=14)), generator)
        self.dino.save_pretrained(dino)
        self.processor = BitImageProcessor(size={"shortest_edge": 70}, crop_size={"height": 70, "width": 70},
                                           image_mean=[0.5307] * 3, image_std=[0.2583] * 3)
        self.processor.save_pretrained(dino)

        biovil = folder / "biovil-t"
        biovil.mkdir(exist_ok=True)
        words = sorted({word for caption in captions for word in "".join(
            c if c.isalnum() else " " for c in caption.lower()).split()})
        letters = [chr(c) for c in range(33, 127)]
        vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters + ["##" + c for c in letters] + words
        (biovil / "vocab.txt").write_text("\n".join(dict.fromkeys(vocabulary)) + "\n")
        self.tokenizer = BertTokenizer(str(biovil / "vocab.txt"))
        self.tokenizer.save_pretrained(biovil)
        self.texts = lively(Texts(len(dict.fromkeys(vocabulary))), generator)
        torch.save(self.texts.state_dict(), biovil / "pytorch_model.bin")
        config = self.texts.config.to_dict()
        config.update(model_type="cxr-bert", projection_size=128, architectures=["CXRBertModel"])
        (biovil / "config.json").write_text(json.dumps(config))
        self.films = lively(Films(), generator)
        torch.save(self.films.state_dict(), biovil / "biovil_t_image_model_proj_size_128.pt")

    @torch.no_grad()
    def identity(self, image, way):
        if way == "exact":
            steps = transforms.Compose([transforms.Resize((256, 256)), transforms.ToTensor(),
                                        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
        else:
            steps = transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor()])
        return torch.sigmoid(self.reid.model(steps(image)[None]))[0]

    @torch.no_grad()
    def same(self, a, b):
        return torch.sigmoid(self.reid.fc_end((a - b).abs())).item()

    @torch.no_grad()
    def latent(self, image):
        return self.dino(self.processor(images=image, return_tensors="pt")["pixel_values"]).pooler_output[0].numpy()

    @torch.no_grad()
    def film(self, path):
        array = np.asarray(Image.open(path)).astype(float)
        array -= array.min()
        array /= array.max()
        image = Image.fromarray((array * 255).astype(np.uint8)).convert("L")
        steps = transforms.Compose([transforms.Resize(512, interpolation=InterpolationMode.BILINEAR),
                                    transforms.CenterCrop(448), transforms.ToTensor()])
        return self.films(steps(image).expand(3, -1, -1)[None])[0]

    @torch.no_grad()
    def text(self, caption):
        ids = self.tokenizer(caption.rstrip("!?."), return_tensors="pt")
        state = self.texts.bert(**ids).last_hidden_state[:, 0]
        return nn.functional.normalize(self.texts.cls_projection_head(state), dim=1)[0]


def seen(path, way):
    """A film as re-identification and RAD-DINO see it."""
    image = Image.open(path)
    if way == "chexgenbench" and image.size != (512, 512):
        image = image.resize((512, 512))
    return image.convert("RGB")


def pixels(path, way):
    if way == "chexgenbench":
        return np.asarray(seen(path, way)).astype(float)
    image = Image.open(path).convert("RGB")
    width, height = image.size
    short, long = min(width, height), max(width, height)
    other = int(512 * long / short)
    image = image.resize((other, 512) if width >= height else (512, other), Image.BICUBIC)
    left, top = (image.width - 512) // 2, (image.height - 512) // 2
    return np.asarray(image.crop((left, top, left + 512, top + 512))).astype(float)


RATE = 0.02


def films(radiographs, table, folder, random):
    """Synthetic films: of each prompt some changed radiographs, of any size; one a copy of another prompt's film."""
    folder.mkdir()
    rows = []
    paths = [radiographs / path for path in table.path]
    prompts = list(dict.fromkeys(table.annotated_prompt.dropna()))
    for index, prompt in enumerate(prompts):
        for number in range(random.integers(0, 4)):
            image = Image.open(paths[random.integers(len(paths))]).convert("RGB")
            image = ImageEnhance.Contrast(image).enhance(random.uniform(0.6, 1.4))
            image = image.filter(ImageFilter.GaussianBlur(random.uniform(0, 3)))
            side = 512 if random.random() < 0.5 else int(random.integers(300, 700))
            image = image.resize((side, 512 if side == 512 else int(random.integers(300, 700))))
            name = f"{index:03d}_{number}.png"
            image.save(folder / name)
            rows.append((name, prompt))
    first = Image.open(paths[0]).convert("RGB")
    first.save(folder / "copy.png")
    rows.append(("copy.png", prompts[1]))
    own = seen(paths[list(table.annotated_prompt).index(prompts[2])], "chexgenbench")
    Image.fromarray(np.clip(np.asarray(own).astype(int) + 1, 0, 255).astype(np.uint8)).save(folder / "plus_one.png")
    rows.append(("plus_one.png", prompts[2]))
    random.shuffle(rows)
    return pd.DataFrame(rows, columns=["img_savename", "annotated_prompt"])


def privacy(models, radiographs, real, folder, synthetic, way):
    digits = (lambda x: round(x, 4)) if way == "chexgenbench" else (lambda x: x)
    known = {}

    def of(path):
        if path not in known:
            image = seen(path, way)
            known[path] = models.identity(image, way), models.latent(image), pixels(path, way)
        return known[path]

    rows, searched, highest = [], [], []
    unique = real.dropna(subset=["annotated_prompt"]).drop_duplicates("annotated_prompt")
    for _, row in unique.iterrows():
        names = synthetic[synthetic.annotated_prompt == row.annotated_prompt].img_savename
        if names.empty:
            continue
        a = of(radiographs / row.path)
        scores = []
        for name in names:
            b = of(folder / name)
            scores.append((digits(models.same(a[0], b[0])),
                           digits(float(np.sqrt(np.mean((a[2] - b[2]) ** 2)))),
                           digits(float(np.linalg.norm(a[1].astype(float) - b[1].astype(float)) / np.sqrt(len(a[1]))))))
        highest.append(max(models.same(a[0], of(folder / name)[0]) for name in names))
        reid, pixel, latent = map(np.array, zip(*scores))
        rows.append((row.annotated_prompt, reid.mean(), reid.max(), pixel.mean(), pixel.min(), latent.mean(), latent.min()))
    for _, row in synthetic.iterrows():
        b = of(folder / row.img_savename)
        same = [models.same(of(radiographs / path)[0], b[0]) for path in real.path]
        far = [np.linalg.norm(of(radiographs / path)[1].astype(float) - b[1].astype(float)) for path in real.path]
        best, near = int(np.argmax(same)), int(np.argmin(far))
        searched.append((real.path[best], digits(same[best]), real.path[near], digits(far[near] / np.sqrt(len(b[1])))))
    best = {name: max(models.same(of(radiographs / path)[0], of(folder / name)[0]) for path in real.path)
            for name in synthetic.img_savename}
    near = {name: min(np.linalg.norm(of(radiographs / path)[1].astype(float) - of(folder / name)[1].astype(float))
                      for path in real.path) for name in synthetic.img_savename}
    return rows, searched, calibration(models, [of(radiographs / path) for path in real.path], list(real.patientID.astype(str)),
                                       highest, list(best.values()),
                                       np.array(list(near.values())))


def above(values, share):
    """What a share of values exceeds."""
    values = sorted(values)
    return values[max(0, len(values) - int(np.floor(share * len(values) + 1e-9)) - 1)]


def calibration(models, films, patients, prompts, best, near):
    """The columns of the calibration, each pair of films by itself."""
    count = len(films)
    same = np.array([[models.same(a[0], b[0]) for b in films] for a in films])
    far = np.array([[np.linalg.norm(a[1].astype(float) - b[1].astype(float)) for b in films] for a in films])
    far /= np.sqrt(len(films[0][1]))
    one = np.array([[a == b for b in patients] for a in patients])
    genuine = [same[i, j] for i in range(count) for j in range(i + 1, count) if one[i, j]]
    others = [same[i, j] for i in range(count) for j in range(i + 1, count) if not one[i, j]]
    threshold = above(others, max(RATE, 1 / len(others)))
    floor_best = [same[i][~one[i]].max() for i in range(count)]
    floor_near = [far[i][~one[i]].min() for i in range(count)]
    limit, nearest = above(floor_best, max(RATE, 1 / count)), -above([-x for x in floor_near], max(RATE, 1 / count))
    near = near / np.sqrt(len(films[0][1]))
    share = lambda values, limit: float(np.mean(np.array(values) > limit))
    return {
        "Calibrated threshold": threshold, "True-positive rate": share(genuine, threshold) if genuine else None,
        "Rate above it": share(prompts, threshold), "Search rate above it": share(best, threshold),
        "Search rate above it floor": share(floor_best, threshold), "Search limit": limit,
        "Rate above search limit": share(best, limit), "Latent limit": nearest,
        "Rate below latent limit": float(np.mean(near < nearest)), "Floor films": count,
    }


def alignment(models, radiographs, folder, synthetic, real, way):
    scores = []
    for _, row in synthetic.iterrows():
        score = float(models.film(folder / row.img_savename) @ models.text(row.annotated_prompt))
        scores.append(round(score, 3) if way == "chexgenbench" else score)
    scores = pd.Series(scores, index=synthetic.index)
    unique = real.drop_duplicates("annotated_prompt")
    own = unique.dropna(subset=["annotated_prompt"])
    pictures = np.array([models.film(folder / name).numpy() for name in synthetic.img_savename])
    texts = np.array([models.text(prompt).numpy() for prompt in synthetic.annotated_prompt])
    prompts = np.array(synthetic.annotated_prompt)
    others = prompts[:, None] != prompts[None]
    rounded = (lambda x: round(x, 3)) if way == "chexgenbench" else (lambda x: x)
    floor = [rounded(float(models.film(radiographs / path) @ models.text(prompt)))
             for path, prompt in zip(own.path, own.annotated_prompt)]
    results = {"": scores.mean(), "chance": (pictures @ texts.T)[others].mean(), "floor": np.mean(floor)}
    for name in ("Atelectasis", "Lung Opacity", "Pneumonia"):
        prompts = unique[[ast.literal_eval(str(x)).get(name) == 1 for x in unique.chexpert_labels]].annotated_prompt
        results[name] = scores[synthetic.annotated_prompt.isin(prompts)].mean()
    return results


def run(program, experiment, out, *settings):
    command = [program, "run", experiment, "--out", str(out), "--quiet"]
    for setting in settings:
        command += ["--set", setting]
    subprocess.run(command, check=True, cwd=out.parent)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--radiographs", type=Path, required=True)
    parser.add_argument("--program", required=True, type=lambda path: str(Path(path).resolve()))
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--rows", type=int, default=1000, help="of the radiographs")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp())
    work.mkdir(exist_ok=True)
    radiographs = options.radiographs.resolve()
    real = pd.read_csv(radiographs / "annotations.csv").head(options.rows)
    real.to_csv(work / "real.csv", index=False)
    generator = torch.Generator().manual_seed(options.seed)
    models = Models(work, real.annotated_prompt.dropna(), generator)
    folder = work / "films"
    synthetic = films(radiographs, real, folder, np.random.default_rng(options.seed))
    synthetic.to_csv(work / "films.csv", index=False)
    experiments = Path(__file__).resolve().parents[3] / "experiments"
    common = [f"params.synthetic.csv={work / 'films.csv'}", f"params.synthetic.image_dir={folder}",
              "params.synthetic.image=img_savename", f"params.real.csv={work / 'real.csv'}",
              f"params.real.image_dir={radiographs}"]
    worst = {}

    def compare(name, found, wanted):
        found, wanted = np.asarray(found, float), np.asarray(wanted, float)
        assert found.shape == wanted.shape, (name, found.shape, wanted.shape)
        worst[name] = max(worst.get(name, 0), float(np.nanmax(np.abs(found - wanted))) if found.size else 0)

    for way in ("chexgenbench", "exact"):
        run(options.program, str(experiments / "privacy.yaml"), work / f"privacy-{way}", *common, f"params.protocol={way}", f"params.results=Results-{way}",
            "params.n=0", "params.search=true", f"params.name={way}", f"params.false_positive_rate={RATE}", "params.real.id=id",
            f"params.encoders.patient-reid.weights={work / 'reid.pth'}", f"params.encoders.rad-dino.weights={work / 'rad-dino'}")
        rows, searched, calibrated = privacy(models, radiographs, real, folder, synthetic, way)
        table = pd.read_csv(work / f"Results-{way}/privacy_metrics_{way}.csv")
        assert list(table.Prompt) == [row[0] for row in rows]
        for place, column in enumerate(table.columns[2:8]):
            compare(f"{way} {column}", table[column], [row[place + 1] for row in rows])
        table = pd.read_csv(work / f"Results-{way}/privacy_search_{way}.csv")
        assert [Path(p).name for p in table["Synthetic Path"]] == list(synthetic.img_savename)
        for place, column in ((1, "Reid_score"), (3, "Latent_distance")):
            compare(f"{way} search {column}", table[column], [row[place] for row in searched])
        ends = lambda column, place: sum(not str(a).endswith(b[place]) for a, b in zip(table[column], searched))
        print(f"{way}: other films found: {ends('Reid Path', 0)} by re-identification, {ends('Latent Path', 2)} by features")
        found = table[table["Synthetic Path"].str.endswith("copy.png")].iloc[0]
        print(f"{way}: the copy was found in {found['Latent Path']} ({found['Latent_distance']}), of {real.path[0]}")
        results = pd.read_csv(work / f"privacy-{way}/results.csv").iloc[0]
        for name, value in calibrated.items():
            if value is not None:
                compare(f"{way} {name}", [results[name]], [value])
        compare(f"{way} Count_max", [results.Count_max], [sum(row[2] > results.Threshold for row in rows)])

        run(options.program, str(experiments / "alignment.yaml"), work / f"alignment-{way}", *common, f"params.protocol={way}", f"params.results=Results-{way}",
            f"params.encoders.biovil-t.weights={work / 'biovil-t'}", f"params.name={way}",
            "params.pathologies=[Atelectasis, Lung Opacity, Pneumonia]")
        wanted = alignment(models, radiographs, folder, synthetic, real, way)
        results = pd.read_csv(work / f"alignment-{way}/results.csv", keep_default_na=False)
        for name in ("chance", "floor"):
            compare(f"{way} alignment {name}", [float(results.iloc[0][f"Alignment_score {name}"])], [wanted[name]])
        for _, row in results.iterrows():
            if row.Alignment_score != "":
                compare(f"{way} alignment", [float(row.Alignment_score)], [wanted[row.Pathology]])
    for name, difference in worst.items():
        print(f"{name:44s} {difference:.2e}")


main()
