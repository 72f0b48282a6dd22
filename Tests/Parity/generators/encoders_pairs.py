"""Expected outputs of the encoders that compare images with images and texts, with weights by formula: the Siamese ResNet-50 of
patient re-identification, and BioViL-T's image network for one film.

Both are built here of torchvision's ResNet-50, as their authors describe them. Run in the reference environment; writes
fixtures/encoders/pairs.safetensors.
"""

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file
from torch import nn
from torchvision import transforms
from torchvision.models import resnet50
from torchvision.transforms import InterpolationMode

import places
from formula import uniform, weight


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = resnet50(num_classes=128)
        self.fc_end = nn.Linear(128, 1)

    def features(self, x):
        return torch.sigmoid(self.model(x))

    def forward(self, a, b):
        return torch.sigmoid(self.fc_end((self.features(a) - self.features(b)).abs()))


class Projector(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(), nn.Conv2d(hidden, outputs, 1))


class FilmEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = resnet50()
        self.backbone_to_vit = nn.Conv2d(2048, 256, 1, bias=False)
        self.missing_previous_emb = nn.Parameter(torch.zeros(1, 256, 1, 1))


class BioViLT(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = FilmEncoder()
        self.projector = Projector(512, 128, 128)

    def forward(self, x):
        trunk = nn.Sequential(*list(self.encoder.encoder.children())[:-2])
        patches = self.encoder.backbone_to_vit(trunk(x))
        earlier = self.encoder.missing_previous_emb.expand(len(x), -1, *patches.shape[2:])
        projected = self.projector.model(torch.cat([patches, earlier], dim=1))
        return nn.functional.normalize(projected.flatten(2).mean(2), dim=1)


def fill(model, salt):
    """Weights by formula. Each residual branch ends with small factors, so that answers do not run away; the last layer has large
    ones, so that scores differ."""
    state = model.state_dict()
    for name, value in state.items():
        if value.dtype.is_floating_point:
            filled = torch.from_numpy(weight(name, tuple(value.shape), salt))
            state[name] = filled * (0.25 if "bn3.weight" in name else 8 if name == "fc_end.weight" else 1)
    model.load_state_dict(state)
    return model.eval()


def film(name, height, width, mode):
    """Noise over a slope, as an image."""
    noise = uniform(name, (height, width, 3), 0, 256).astype(np.uint8).astype(int)
    y, x = np.mgrid[0:height, 0:width]
    pixels = ((noise + (x + 2 * y)[:, :, None]) // 2 % 256).astype(np.uint8)
    return Image.fromarray(pixels if mode == "RGB" else pixels[:, :, 0] // 2 + 30)


def stretched(image):
    """`remap_to_uint8` of hi-ml-multimodal, of what scikit-image reads."""
    array = np.asarray(image).astype(float)
    array -= array.min()
    array /= array.max()
    return Image.fromarray((array * 255).astype(np.uint8)).convert("L")


def main():
    outputs = {}
    films = [film("a", 150, 191, "RGB"), film("b", 200, 120, "L"), film("c", 330, 300, "RGB")]
    with torch.no_grad():
        net = fill(Siamese(), "reid.")
        ways = {
            "chexgenbench": transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor()]),
            "exact": transforms.Compose([
                transforms.Resize((256, 256)), transforms.ToTensor(),
                transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]),
        }
        for way, steps in ways.items():
            batch = torch.stack([steps(image.convert("RGB")) for image in films])
            outputs[f"reid.{way}"] = net.features(batch).numpy()
            outputs[f"reid.{way}.same"] = net(batch, batch.roll(1, 0))[:, 0].numpy()
        net = fill(BioViLT(), "biovil.")
        steps = transforms.Compose([
            transforms.Resize(512, interpolation=InterpolationMode.BILINEAR), transforms.CenterCrop(448), transforms.ToTensor()])
        batch = torch.stack([steps(stretched(image)).expand(3, -1, -1) for image in films])
        outputs["biovil"] = net(batch).numpy()

    save_file({k: np.ascontiguousarray(v) for k, v in outputs.items()}, places.folder("encoders") / "pairs.safetensors")
    for name, value in outputs.items():
        print(name, value.shape, float(value.mean()), float(value.std()), value.ravel()[:4])


if __name__ == "__main__":
    main()
