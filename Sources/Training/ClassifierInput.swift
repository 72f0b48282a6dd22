import Files
import Foundation
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

    /// Normalised pixels of files, with the SHA-256 of their bytes.
    struct Batch {
        /// f32 `[N, 224, 224, 3]`.
        var images: Tensor
        var hashes: [String]
    }

    /// Reads a batch of files.
    /// - Throws: what decoding the first bad file throws.
    static func batch(_ paths: [String], _ augmentations: [Augmentation?], hashes: Bool = false) throws -> Batch {
        let result = try Tensor(uninitialized: [paths.count, side, side, 3])
        let target = result.pointer.assumingMemoryBound(to: Float.self)
        let table = (0..<3).flatMap { channel in
            (0..<256).map { (Float($0) / 255 - mean[channel]) / deviation[channel] }
        }
        let lock = NSLock()
        var failures: [(Int, Error)] = []
        var found = [String](repeating: "", count: paths.count)
        let count = side * side * 3
        Parallel.forEach(paths.count) { index in
            do {
                let bytes = try ImageFile.read(paths[index])
                if hashes {
                    let hash = bytes.withUnsafeBytes { SHA256.hex(of: $0) }
                    lock.withLock { found[index] = hash }
                }
                var image = try bytes.withUnsafeBytes { try Image.decode($0, name: paths[index], mode: .rgb) }
                    .resized(width: side, height: side, filter: .bilinear)
                if let drawn = augmentations[index] {
                    if drawn.flips { image = try image.flippedHorizontally() }
                    image = try image.rotated(degrees: drawn.degrees)
                }
                image.withPixels { pixels in
                    let to = target + index * count
                    table.withUnsafeBufferPointer { table in
                        var channel = 0
                        for position in 0..<count {
                            to[position] = table[channel * 256 + Int(pixels[position])]
                            channel = channel == 2 ? 0 : channel + 1
                        }
                    }
                }
            } catch {
                lock.withLock { failures.append((index, error)) }
            }
        }
        if let first = failures.min(by: { $0.0 < $1.0 }) { throw first.1 }
        return Batch(images: result, hashes: found)
    }
}
