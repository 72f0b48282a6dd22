import Tensors

/// The sizes of pictures that a model was trained on, by their shape, and how a picture of such a size becomes one of the size
/// that was asked for: diffusers' resolution binning.
public struct ResolutionBins {
    /// Each with the ratio of height and width that it stands for, in diffusers' order.
    private let bins: [(ratio: Double, height: Int, width: Int)]

    /// The bins of models for pictures of about `side` pixels a side; nil where there are none.
    public init?(side: Int) {
        guard let found = Self.known[side] else { return nil }
        bins = found.compactMap { ratio, height, width in Double(ratio).map { ($0, height, width) } }
    }

    /// The size whose shape is nearest; of two that are equally near the first.
    func size(height: Int, width: Int) -> (height: Int, width: Int) {
        let wanted = Double(height) / Double(width)
        let found = bins.min { abs($0.ratio - wanted) < abs($1.ratio - wanted) }
        return found.map { ($0.height, $0.width) } ?? (height, width)
    }

    /// Pictures f32 `[N, H, W, C]`, enlarged or shrunk by linear interpolation until they cover the wanted size, and cut to it
    /// around the middle.
    static func fit(_ pictures: Tensor, height: Int, width: Int) throws -> Tensor {
        let (from, across) = (pictures.shape[1], pictures.shape[2])
        if from == height && across == width { return pictures }
        let ratio = max(Double(height) / Double(from), Double(width) / Double(across))
        let rows = Taps(from: from, to: Int(Double(from) * ratio), kept: height)
        let columns = Taps(from: across, to: Int(Double(across) * ratio), kept: width)
        let channels = pictures.shape[3]
        let result = try Tensor(uninitialized: [pictures.shape[0], height, width, channels])
        try pictures.contiguous().withElements(Float.self) { source in
            try result.withElements(Float.self) { target in
                for image in 0..<pictures.shape[0] {
                    let start = image * from * across * channels
                    for (y, row) in rows.taps.enumerated() {
                        for (x, column) in columns.taps.enumerated() {
                            for channel in 0..<channels {
                                func value(_ row: Int, _ column: Int) -> Float {
                                    source[start + (row * across + column) * channels + channel]
                                }
                                let upper =
                                    (1 - column.share) * value(row.first, column.first)
                                    + column.share * value(row.first, column.second)
                                let lower =
                                    (1 - column.share) * value(row.second, column.first)
                                    + column.share * value(row.second, column.second)
                                target[((image * height + y) * width + x) * channels + channel] =
                                    (1 - row.share) * upper + row.share * lower
                            }
                        }
                    }
                }
            }
        }
        return result
    }

    /// Where each row or column comes from: PyTorch's `interpolate`, bilinear without aligned corners.
    private struct Taps {
        let taps: [(first: Int, second: Int, share: Float)]

        init(from: Int, to: Int, kept: Int) {
            let step = Float(from) / Float(max(1, to))
            let start = (to - kept) / 2
            taps = (start..<start + kept).map { index in
                let place = max(0, (Float(index) + 0.5) * step - 0.5)
                let first = min(Int(place), from - 1)
                return (first, min(first + 1, from - 1), min(1, max(0, place - Float(first))))
            }
        }
    }

    private static let known: [Int: [(String, Int, Int)]] = [
        256: [
            ("0.25", 128, 512), ("0.28", 128, 464), ("0.32", 144, 448), ("0.33", 144, 432), ("0.35", 144, 416),
            ("0.4", 160, 400), ("0.42", 160, 384), ("0.48", 176, 368), ("0.5", 176, 352), ("0.52", 176, 336),
            ("0.57", 192, 336), ("0.6", 192, 320), ("0.68", 208, 304), ("0.72", 208, 288), ("0.78", 224, 288),
            ("0.82", 224, 272), ("0.88", 240, 272), ("0.94", 240, 256), ("1.0", 256, 256), ("1.07", 256, 240),
            ("1.13", 272, 240), ("1.21", 272, 224), ("1.29", 288, 224), ("1.38", 288, 208), ("1.46", 304, 208),
            ("1.67", 320, 192), ("1.75", 336, 192), ("2.0", 352, 176), ("2.09", 368, 176), ("2.4", 384, 160),
            ("2.5", 400, 160), ("3.0", 432, 144), ("4.0", 512, 128),
        ],
        512: [
            ("0.25", 256, 1024), ("0.28", 256, 928), ("0.32", 288, 896), ("0.33", 288, 864), ("0.35", 288, 832),
            ("0.4", 320, 800), ("0.42", 320, 768), ("0.48", 352, 736), ("0.5", 352, 704), ("0.52", 352, 672),
            ("0.57", 384, 672), ("0.6", 384, 640), ("0.68", 416, 608), ("0.72", 416, 576), ("0.78", 448, 576),
            ("0.82", 448, 544), ("0.88", 480, 544), ("0.94", 480, 512), ("1.0", 512, 512), ("1.07", 512, 480),
            ("1.13", 544, 480), ("1.21", 544, 448), ("1.29", 576, 448), ("1.38", 576, 416), ("1.46", 608, 416),
            ("1.67", 640, 384), ("1.75", 672, 384), ("2.0", 704, 352), ("2.09", 736, 352), ("2.4", 768, 320),
            ("2.5", 800, 320), ("3.0", 864, 288), ("4.0", 1024, 256),
        ],
        1024: [
            ("0.25", 512, 2048), ("0.28", 512, 1856), ("0.32", 576, 1792), ("0.33", 576, 1728),
            (
                "0.35", 576,
                1664
            ), ("0.4", 640, 1600), ("0.42", 640, 1536), ("0.48", 704, 1472), ("0.5", 704, 1408),
            (
                "0.52",
                704, 1344
            ), ("0.57", 768, 1344), ("0.6", 768, 1280), ("0.68", 832, 1216), ("0.72", 832, 1152),
            ("0.78", 896, 1152), ("0.82", 896, 1088), ("0.88", 960, 1088), ("0.94", 960, 1024),
            (
                "1.0", 1024,
                1024
            ), ("1.07", 1024, 960), ("1.13", 1088, 960), ("1.21", 1088, 896), ("1.29", 1152, 896),
            (
                "1.38",
                1152, 832
            ), ("1.46", 1216, 832), ("1.67", 1280, 768), ("1.75", 1344, 768), ("2.0", 1408, 704),
            ("2.09", 1472, 704), ("2.4", 1536, 640), ("2.5", 1600, 640), ("3.0", 1728, 576), ("4.0", 2048, 512),
        ],
        2048: [
            ("0.25", 1024, 4096), ("0.26", 1024, 3968), ("0.27", 1024, 3840), ("0.28", 1024, 3712),
            (
                "0.32",
                1152, 3584
            ), ("0.33", 1152, 3456), ("0.35", 1152, 3328), ("0.4", 1280, 3200), ("0.42", 1280, 3072),
            ("0.48", 1408, 2944), ("0.5", 1408, 2816), ("0.52", 1408, 2688), ("0.57", 1536, 2688),
            (
                "0.6", 1536,
                2560
            ), ("0.68", 1664, 2432), ("0.72", 1664, 2304), ("0.78", 1792, 2304), ("0.82", 1792, 2176),
            ("0.88", 1920, 2176), ("0.94", 1920, 2048), ("1.0", 2048, 2048), ("1.07", 2048, 1920),
            (
                "1.13",
                2176, 1920
            ), ("1.21", 2176, 1792), ("1.29", 2304, 1792), ("1.38", 2304, 1664), ("1.46", 2432, 1664),
            ("1.67", 2560, 1536), ("1.75", 2688, 1536), ("2.0", 2816, 1408), ("2.09", 2944, 1408),
            (
                "2.4", 3072,
                1280
            ), ("2.5", 3200, 1280), ("2.89", 3328, 1152), ("3.0", 3456, 1152), ("3.11", 3584, 1152),
            ("3.62", 3712, 1024), ("3.75", 3840, 1024), ("3.88", 3968, 1024), ("4.0", 4096, 1024),
        ],
        4096: [
            ("0.25", 2048, 8192), ("0.26", 2048, 7936), ("0.27", 2048, 7680), ("0.28", 2048, 7424),
            (
                "0.32",
                2304, 7168
            ), ("0.33", 2304, 6912), ("0.35", 2304, 6656), ("0.4", 2560, 6400), ("0.42", 2560, 6144),
            ("0.48", 2816, 5888), ("0.5", 2816, 5632), ("0.52", 2816, 5376), ("0.57", 3072, 5376),
            (
                "0.6", 3072,
                5120
            ), ("0.68", 3328, 4864), ("0.72", 3328, 4608), ("0.78", 3584, 4608), ("0.82", 3584, 4352),
            ("0.88", 3840, 4352), ("0.94", 3840, 4096), ("1.0", 4096, 4096), ("1.07", 4096, 3840),
            (
                "1.13",
                4352, 3840
            ), ("1.21", 4352, 3584), ("1.29", 4608, 3584), ("1.38", 4608, 3328), ("1.46", 4864, 3328),
            ("1.67", 5120, 3072), ("1.75", 5376, 3072), ("2.0", 5632, 2816), ("2.09", 5888, 2816),
            (
                "2.4", 6144,
                2560
            ), ("2.5", 6400, 2560), ("2.89", 6656, 2304), ("3.0", 6912, 2304), ("3.11", 7168, 2304),
            ("3.62", 7424, 2048), ("3.75", 7680, 2048), ("3.88", 7936, 2048), ("4.0", 8192, 2048),
        ],
    ]
}
