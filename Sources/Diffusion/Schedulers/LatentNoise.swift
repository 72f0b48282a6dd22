import Tensors

/// The normal noise of a batch of latents: image i has its own PyTorch generator, so that its noise is the same alone,
/// in any batch and in any order, and diffusers' for a list of generators with these seeds.
///
/// Each draw fills `[C, H, W]` an image, in that order, and is given as `[N, H, W, C]`. The state is the number of
/// draws.
public final class LatentNoise {
    /// The seed of each image.
    public let seeds: [UInt64]
    /// How many draws were taken.
    public private(set) var draws = 0
    private let height: Int
    private let width: Int
    private let channels: Int
    private var generators: [TorchGenerator]

    /// Noise for latents `[seeds.count, height, width, channels]`.
    /// - Throws: `TensorError.shape` for sizes that are negative or too large.
    public init(seeds: [UInt64], height: Int, width: Int, channels: Int) throws {
        _ = try Tensor.elementCount([seeds.count, height, width, channels], operation: "noise")
        self.seeds = seeds
        self.height = height
        self.width = width
        self.channels = channels
        generators = seeds.map { TorchGenerator(seed: $0) }
    }

    /// The next noise, f32 `[N, H, W, C]`.
    public func next() throws -> Tensor {
        let planes = try Tensor(uninitialized: [seeds.count, channels, height, width])
        let size = channels * height * width
        try planes.withElements(Float.self) { values in
            for (index, generator) in generators.enumerated() {
                generator.normal(into: UnsafeMutableBufferPointer(rebasing: values[index * size..<(index + 1) * size]))
            }
        }
        draws += 1
        return try planes.permuted([0, 2, 3, 1]).contiguous()
    }

    /// Goes to where `draws` was `count`, forwards or backwards.
    public func seek(_ count: Int) throws {
        if count < draws {
            generators = seeds.map { TorchGenerator(seed: $0) }
            draws = 0
        }
        while draws < count {
            try Cancellation.check()
            _ = try next()
        }
    }
}
