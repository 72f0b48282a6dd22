"""Expected bytes of the Imaging room, computed by Pillow 11.1, torchvision and transformers.

    python imaging_expectations.py [--seed N] [--radiographs DIR]

Writes `operations.tsv` (operations on images made by a formula), `files/` with `files.tsv` (small PNG and JPEG files of
every kind and what Pillow makes of them) and, with --radiographs, `radiographs.tsv`. Another seed gives other sizes and
pixels for a check by hand: CHEXGEN_FIXTURES names another folder for this script and for the tests.
"""

import argparse
import hashlib
import io
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

import places

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
BYTES = {"1": 1, "L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4, "I;16": 2}


def digest(image):
    """SHA-256 of the pixels, one byte a pixel for mode "1"."""
    data = (np.asarray(image).astype(np.uint8) * 255).tobytes() if image.mode == "1" else image.tobytes()
    return hashlib.sha256(data).hexdigest()


def formula(mode, width, height, seed):
    """Half hashed noise, half a ramp with sharp edges; the test makes the same bytes."""
    count = width * height * BYTES[mode]
    i = np.arange(count, dtype=np.uint64)
    v = (i * 2654435761 + seed * 40503) & 0xFFFFFFFF
    v ^= v >> 15
    v = (v * 2246822519) & 0xFFFFFFFF
    v = (v >> 13) & 255
    ramp = (i * 3 // 7) & 255
    data = np.where((i >> 5) & 1 == 0, v, ramp).astype(np.uint8)
    if mode == "1":
        return Image.fromarray(((data & 128) > 0).reshape(height, width))
    return Image.frombytes(mode, (width, height), data.tobytes())


def operate(image, words):
    name, args = words[0], words[1:]
    if name == "resize":
        return image.resize((int(args[0]), int(args[1])), FILTERS[args[2]])
    if name == "shortest":
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms.functional import resize

        return resize(image, int(args[0]), InterpolationMode(args[1]))
    if name == "convert":
        return image.convert(args[0])
    if name == "crop":
        left, top, width, height = map(int, args)
        return image.crop((left, top, left + width, top + height))
    if name == "center_floor":
        from transformers.image_transforms import center_crop
        from transformers.image_utils import ChannelDimension

        array = np.asarray(image)
        flat = array.ndim == 2
        array = array[:, :, None] if flat else array
        cut = center_crop(array, (int(args[1]), int(args[0])), input_data_format=ChannelDimension.LAST,
                          data_format=ChannelDimension.LAST)
        return Image.fromarray(np.ascontiguousarray(cut[:, :, 0] if flat else cut))
    if name == "center_half_even":
        from torchvision.transforms.functional import center_crop

        return center_crop(image, [int(args[1]), int(args[0])])
    if name == "flip":
        return image.transpose(
            Image.Transpose.FLIP_LEFT_RIGHT if args[0] == "horizontal" else Image.Transpose.FLIP_TOP_BOTTOM)
    if name == "rotate":
        fill = tuple(map(int, args[2:])) or None
        fill = fill[0] if fill and len(fill) == 1 else fill
        return image.rotate(float(args[0]), FILTERS[args[1]], fillcolor=fill)
    if name == "jpeg":
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(args[0]))
        return Image.open(buffer)
    if name == "grid":
        import torch
        from torchvision.utils import make_grid

        tiles = [image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), image.transpose(
            Image.Transpose.FLIP_TOP_BOTTOM)]
        batch = torch.from_numpy(np.stack([np.asarray(t.convert("RGB")) for t in tiles])).permute(0, 3, 1, 2)
        return Image.fromarray(make_grid(batch, int(args[0]), int(args[1])).permute(1, 2, 0).numpy())
    raise ValueError(name)


def operation_cases(rng):
    sizes = [(1, 1), (1, 37), (41, 1), (2, 3), (17, 13), (64, 48), (63, 65), (129, 31), (5, 300), (400, 7)]
    sizes += [(rng.randint(1, 200), rng.randint(1, 200)) for _ in range(4)]
    targets = [(1, 1), (3, 500), (299, 299), (16, 16), (33, 70), (250, 2)]
    targets += [(rng.randint(1, 300), rng.randint(1, 300)) for _ in range(3)]
    for mode in BYTES:
        for name in FILTERS:
            if mode == "1" and name not in ("nearest", "bicubic"):
                continue
            for _ in range(5):
                width, height = rng.choice(sizes)
                target = rng.choice(targets)
                yield mode, width, height, f"resize {target[0]} {target[1]} {name}"
            width, height = rng.choice(sizes)
            yield mode, width, height, f"resize {width} {height + 5} {name}"
            yield mode, width, height, f"resize {width + 9} {height} {name}"
    for mode in ("L", "RGB"):
        for name in FILTERS:
            yield mode, 1000, 800, f"resize 70 61 {name}"
            yield mode, 3, 2, f"resize 1000 700 {name}"
        yield mode, 2001, 3, "resize 1 2 lanczos"
        for edge, name in ((64, "bilinear"), (51, "bicubic"), (97, "lanczos"), (30, "nearest")):
            width, height = rng.randint(20, 300), rng.randint(20, 300)
            yield mode, width, height, f"shortest {edge} {name}"
    for mode in BYTES:
        for target in ("L", "LA", "RGB", "RGBA"):
            yield mode, 61, 47, f"convert {target}"
        width, height = rng.randint(8, 60), rng.randint(8, 60)
        yield mode, width, height, f"crop {rng.randint(0, 3)} {rng.randint(0, 3)} {rng.randint(1, 5)} {rng.randint(1, 5)}"
        yield mode, width, height, "flip horizontal"
        yield mode, width, height, "flip vertical"
        for degrees in (0, 90, 180, 270, 360, -90, 12.5, -33, 0.001, 179.999, 450, rng.uniform(-400, 400)):
            for width, height in ((31, 31), (40, 23), (1, 9)):
                yield mode, width, height, f"rotate {degrees} nearest"
                if mode != "I;16":
                    yield mode, width, height, f"rotate {degrees} bilinear"
        if mode in ("L", "LA", "RGB", "RGBA"):
            fill = " ".join(str(40 * k + 17) for k in range(BYTES[mode]))
            yield mode, 33, 20, f"rotate 25 nearest {fill}"
            yield mode, 33, 20, f"rotate -25 bilinear {fill}"
    for mode in ("L", "RGB"):
        for width, height, crop in ((10, 10, "7 7"), (11, 12, "8 7"), (5, 6, "8 9"), (5, 20, "8 9"), (20, 5, "9 8"),
                                    (13, 13, "13 13"), (7, 7, "10 4"), (9, 9, "6 6"), (8, 8, "5 1")):
            yield mode, width, height, f"center_floor {crop}"
            yield mode, width, height, f"center_half_even {crop}"
        for quality in (1, 50, 75, 95, 96, 100):
            yield mode, rng.randint(1, 70), rng.randint(1, 70), f"jpeg {quality}"
    # The passes of this one go over more bytes than are held at once.
    yield "RGB", 2, 12000, "resize 1100 5 bicubic"
    for columns, padding in ((1, 2), (2, 0), (2, 3), (8, 1)):
        yield "RGB", 11, 7, f"grid {columns} {padding}"


def write_operations(folder, seed):
    rng = random.Random(seed)
    lines = []
    for index, (mode, width, height, operation) in enumerate(operation_cases(rng)):
        result = operate(formula(mode, width, height, seed + index), operation.split())
        lines.append("\t".join(map(str, (mode, width, height, seed + index, operation, result.mode, result.width,
                                         result.height, digest(result)))))
    (folder / "operations.tsv").write_text("\n".join(lines) + "\n")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color, rng, interlaced=False, extra=(), entries=256):
    """A PNG of random samples. `extra` are chunks before IDAT."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    limit = min(entries, 1 << depth) if color == 3 else 1 << depth
    samples = [[[rng.randrange(limit) for _ in range(channels)] for _ in range(width)] for _ in range(height)]

    def packed(rows):
        data = b""
        for row in rows:
            bits = "".join(format(v, f"0{depth}b") for pixel in row for v in pixel)
            bits += "0" * (-len(bits) % 8)
            data += b"\0" + bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        return data

    if interlaced:
        raw = b""
        for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                               (0, 1, 1, 2)):
            rows = [row[x0::dx] for row in samples[y0::dy]]
            if rows and rows[0]:
                raw += packed(rows)
    else:
        raw = packed(samples)
    body = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced)))
    for kind, data in extra:
        body += chunk(kind, data)
    stream = zlib.compress(raw, 9)
    half = len(stream) // 2
    body += chunk(b"IDAT", stream[:half]) + chunk(b"IDAT", b"") + chunk(b"IDAT", stream[half:])
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def png_files(rng):
    for color, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8, 16)), (6, (8, 16))):
        for depth in depths:
            entries = min(1 << depth, 200) if depth == 8 else 1 << depth
            extra = [(b"PLTE", rng.randbytes(3 * entries))] if color == 3 else []
            for interlaced in (False, True):
                name = f"gray_{depth}" if color == 0 else f"color{color}_{depth}"
                width, height = rng.randint(3, 21), rng.randint(3, 21)
                yield (f"{name}{'_interlaced' if interlaced else ''}.png",
                       png(width, height, depth, color, rng, interlaced, extra, entries))
    for depth in (1, 2, 4, 8, 16):
        value = 0x1234 if depth == 16 else (1 << depth) - 1
        yield f"gray_{depth}_trns.png", png(9, 7, depth, 0, rng, extra=[(b"tRNS", struct.pack(">H", value))])
    yield "gray_8_trns_wide.png", png(19, 17, 8, 0, rng, extra=[(b"tRNS", struct.pack(">H", 0x0103))])
    yield "rgb_8_trns.png", png(1, 9, 8, 2, random.Random(5), extra=[
        (b"tRNS", struct.pack(">HHH", *[random.Random(5).randrange(256) for _ in range(3)]))])
    yield "rgb_16_trns.png", png(4, 4, 16, 2, rng, extra=[(b"tRNS", struct.pack(">HHH", 1, 2, 3))])
    for entries, alphas in ((7, bytes([255, 0, 3, 200])), (7, b"\xff\xff\x00\xff"), (16, bytes(range(0, 256, 16)))):
        yield f"palette_{entries}_alphas_{alphas.hex()[:6]}.png", png(
            12, 8, 4, 3, rng, extra=[(b"PLTE", rng.randbytes(3 * entries)), (b"tRNS", alphas)], entries=entries)
    yield "gamma_and_text.png", png(6, 5, 8, 2, rng, extra=[
        (b"gAMA", struct.pack(">I", 100000)), (b"pHYs", struct.pack(">IIB", 3000, 3000, 1)), (b"tEXt", b"a\0b"),
        (b"bKGD", struct.pack(">HHH", 1, 2, 3)), (b"sBIT", b"\x05\x06\x05")])
    frames = [(b"acTL", struct.pack(">II", 1, 0)), (b"fcTL", struct.pack(">IIIIIHHBB", 0, 6, 5, 0, 0, 1, 10, 0, 0))]
    yield "animated.png", png(6, 5, 8, 2, rng, extra=frames)
    buffer = io.BytesIO()
    formula("RGB", 40, 30, 3).save(buffer, "PNG")
    yield "pillow_filters.png", buffer.getvalue()


def jpeg_files(rng):
    for mode in ("L", "RGB", "CMYK"):
        for progressive in (False, True):
            width, height = rng.randint(5, 40), rng.randint(5, 40)
            buffer = io.BytesIO()
            formula(mode, width, height, 11).save(buffer, "JPEG", quality=80, progressive=progressive)
            yield f"jpeg_{mode.lower()}{'_progressive' if progressive else ''}.jpg", buffer.getvalue()
    for sampling, name in ((0, "444"), (1, "422"), (2, "420")):
        for width, height in ((rng.randint(5, 40), rng.randint(5, 40)), (1, 1)):
            buffer = io.BytesIO()
            smooth = formula("RGB", 4, 4, 5).resize((width, height), Image.Resampling.BICUBIC)
            smooth.save(buffer, "JPEG", quality=91, subsampling=sampling, restart_marker_blocks=2)
            yield f"jpeg_{name}_{width}x{height}.jpg", buffer.getvalue()
    source = formula("RGB", 4, 4, 6).resize((32, 32), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    source.crop((0, 0, 20, 11)).save(buffer, "JPEG", exif=exif, comment=b"a comment", icc_profile=bytes(300))
    yield "jpeg_orientation_6.jpg", buffer.getvalue() + b"bytes behind the end"
    buffer = io.BytesIO()
    source.save(buffer, "JPEG", keep_rgb=True, quality=90)
    yield "jpeg_kept_rgb.jpg", buffer.getvalue()
    for name, factors in (("440", 0x12), ("411", 0x41), ("441", 0x14), ("410", 0x42)):
        yield f"jpeg_sampling_{name}.jpg", sampled_jpeg(factors, rng)


def sampled_jpeg(factors, rng):
    """A flat-block JPEG with any luma sampling: DC coefficients only, coded with two-symbol Huffman tables."""
    horizontal, vertical = factors >> 4, factors & 15
    columns, rows = 3, 2
    width, height = columns * horizontal * 8 - 3, rows * vertical * 8 - 2
    out = b"\xff\xd8"
    out += b"\xff\xdb" + struct.pack(">HB", 67, 0) + bytes([8] * 64)
    frame = struct.pack(">BHHB", 8, height, width, 3)
    frame += bytes([1, factors, 0, 2, 0x11, 0, 3, 0x11, 0])
    out += b"\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame
    # DC: categories 0 to 7 with 3-bit codes (7 codes of 3 bits, the last of 4); AC: end of block only.
    counts = [0, 0, 7, 1] + [0] * 12
    out += b"\xff\xc4" + struct.pack(">HB", 2 + 1 + 16 + 8, 0x00) + bytes(counts) + bytes(range(8))
    out += b"\xff\xc4" + struct.pack(">HB", 2 + 1 + 16 + 1, 0x10) + bytes([1] + [0] * 15) + bytes([0])
    out += b"\xff\xda" + struct.pack(">HB", 12, 3) + bytes([1, 0, 2, 0, 3, 0]) + bytes([0, 63, 0])
    bits = ""
    previous = [0, 0, 0]
    for _ in range(rows * columns):
        for component, blocks in ((0, horizontal * vertical), (1, 1), (2, 1)):
            for _ in range(blocks):
                value = rng.randint(-60, 60)
                difference = value - previous[component]
                previous[component] = value
                size = abs(difference).bit_length()
                bits += format(size, "03b") if size < 7 else "1110"
                if size:
                    code = difference if difference > 0 else difference + (1 << size) - 1
                    bits += format(code, f"0{size}b")
                bits += "0"
    bits += "1" * (-len(bits) % 8)
    data = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
    return out + data.replace(b"\xff", b"\xff\x00") + b"\xff\xd9"


def write_files(folder, seed):
    rng = random.Random(seed)
    (folder / "files").mkdir(parents=True, exist_ok=True)
    lines = []
    for name, data in [*png_files(rng), *jpeg_files(rng)]:
        (folder / "files" / name).write_bytes(data)
        image = Image.open(io.BytesIO(data))
        image.load()
        row = [name, image.mode, image.width, image.height, digest(image)]
        for mode in ("L", "LA", "RGB", "RGBA"):
            row.append(digest(Image.open(io.BytesIO(data)).convert(mode)))
        row.append(digest(Image.open(io.BytesIO(data)).resize((7, 5), Image.Resampling.BICUBIC)))
        lines.append("\t".join(map(str, row)))
    (folder / "files.tsv").write_text("\n".join(lines) + "\n")


def write_radiographs(folder, source):
    lines = []
    for path in sorted(p for p in source.rglob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg")):
        image = Image.open(path)
        rgb = image.convert("RGB")
        fid = operate(rgb, "resize 299 299 bilinear".split())
        shortest = operate(rgb, "shortest 518 bicubic".split())
        dino = operate(shortest, "center_floor 518 518".split())
        native = operate(image, "resize 224 224 lanczos".split())
        lines.append("\t".join(map(str, (path.relative_to(source), image.mode, image.width, image.height,
                                         digest(image.convert("L")), digest(rgb), digest(fid), digest(dino),
                                         digest(native)))))
    (folder / "radiographs.tsv").write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--radiographs", type=Path)
    options = parser.parse_args()
    if PIL.__version__ != "11.1.0":
        raise SystemExit(f"wanted Pillow 11.1.0, got {PIL.__version__}")
    out = places.folder("imaging")
    write_operations(out, options.seed)
    write_files(out, options.seed)
    if options.radiographs:
        write_radiographs(out, options.radiographs)


main()
