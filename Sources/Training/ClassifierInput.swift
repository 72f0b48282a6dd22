import Imaging
import Threading
import Tensors

/// How an image becomes the input of a classifier: RGB, Pillow's bilinear resize to a square, flip and rotation where
/// drawn, ImageNet's normalisation.
enum ClassifierInput {
    static let side = 224
    private static let mean: [Float] = [0.485, 0.456, 0.406]
    private static let deviation: [Float] = [0.229, 0.224, 0.225]

    /// What was drawn for one image.
    struct Augmentation {
        var flips: Bool
        var degrees: Double
    }

    /// The draws of each image of an epoch, by its place in the set: they do not depend on the order of batches.
    static func augmentations(_ count: Int, seed: UInt64, epoch: Int) -> [Augmentation] {
        let generator = TorchGenerator(seed: stream(seed, epoch, 1))
        return (0..<count).map { _ in
            let flips = generator.uniform() < 0.5
            return Augmentation(flips: flips, degrees: Double(generator.uniform() * 20 - 10))
        }
    }

    /// The order of an epoch.
    static func order(_ count: Int, seed: UInt64, epoch: Int) -> [Int] {
        TorchGenerator(seed: stream(seed, epoch, 0)).permutation(count)
    }

    private static func stream(_ seed: UInt64, _ epoch: Int, _ purpose: UInt64) -> UInt64 {
        var z = seed &+ UInt64(bitPattern: Int64(epoch)) &* 0x9E37_79B9_7F4A_7C15 &+ purpose &* 0xD1B5_4A32_D192_ED03
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Normalised pixels f32 `[N, 224, 224, 3]` of files, with what was drawn for each.
    /// - Throws: what reading the first bad file throws.
    static func batch(
        _ paths: [String], _ augmentations: [Augmentation?], from images: PreparedImages
    ) throws -> Tensor {
        try batch(paths.count) { index in
            let pixels = try images.pixels(paths[index])
            guard let drawn = augmentations[index] else { return pixels }
            var image = try Image.from(pixels)
            if drawn.flips { image = try image.flippedHorizontally() }
            return try image.rotated(degrees: drawn.degrees).tensor()
        }
    }

    /// Normalised pixels f32 `[N, 224, 224, 3]` of prepared images u8 `[224, 224, 3]`.
    static func batch(_ count: Int, _ pixels: (Int) throws -> Tensor) throws -> Tensor {
        let result = try Tensor(uninitialized: [count, side, side, 3])
        let size = side * side * 3
        let table = (0..<3).flatMap { channel in
            (0..<256).map { (Float($0) / 255 - mean[channel]) / deviation[channel] }
        }
        let done = Parallel.map(count) { index in
            let image = try pixels(index)
            guard image.dtype == .u8, image.count == size else {
                throw TensorError.shape(
                    operation: "classifier",
                    message: "wanted u8 images [\(side), \(side), 3], got \(image.dtype) \(Tensor.text(image.shape))")
            }
            let target = result.pointer.assumingMemoryBound(to: Float.self) + index * size
            try image.contiguous().withElements(UInt8.self) { bytes in
                table.withUnsafeBufferPointer { table in
                    var channel = 0
                    for position in 0..<size {
                        target[position] = table[channel * 256 + Int(bytes[position])]
                        channel = channel == 2 ? 0 : channel + 1
                    }
                }
            }
        }
        for result in done { try result.get() }
        return result
    }
}
