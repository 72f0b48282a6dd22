import Files
import Tensors
import Tokenizers

/// What a text-to-image pipeline shall make.
public struct GenerationOptions {
    /// The texts, one a picture.
    public var prompts: [String]
    /// What the pictures shall not show, one a picture; used where `guidanceScale` is above 1.
    public var negativePrompts: [String]
    /// PyTorch's seed of each picture.
    public var seeds: [UInt64]
    /// Steps of the scheduler.
    public var steps = 50
    /// The weight of the text against the negative text; 1 and less is the text alone, with half the work.
    public var guidanceScale = 7.5
    /// Pixels; multiples of the autoencoder's scale.
    public var width = 512
    /// Pixels; multiples of the autoencoder's scale.
    public var height = 512
    /// Another scheduler than the model's.
    public var scheduler: SchedulerKind?
    /// DDIM's weight of fresh noise.
    public var eta = 0.0
    /// Standard normal noise to begin with, f32 `[N, h, w, C]`, in place of the seeds'.
    public var latents: Tensor?
    /// What happens to texts that are too long.
    public var overflow = Overflow.truncate

    /// Options for these prompts, with empty negative prompts.
    public init(prompts: [String], seeds: [UInt64]) {
        self.prompts = prompts
        self.seeds = seeds
        negativePrompts = [String](repeating: "", count: prompts.count)
    }
}

extension GenerationOptions {
    /// The options of one picture of several, counted from 0: made alone, it is the same as among the others.
    /// - Throws: `TensorError.value` where the options are not those of that many pictures.
    public func one(_ index: Int) throws -> GenerationOptions {
        let count = prompts.count
        guard prompts.indices.contains(index), seeds.count == count, negativePrompts.count == count else {
            throw TensorError.value(
                operation: "generate",
                message: "\(count) prompts, \(seeds.count) seeds and \(negativePrompts.count) negative prompts")
        }
        var result = self
        result.prompts = [prompts[index]]
        result.seeds = [seeds[index]]
        result.negativePrompts = [negativePrompts[index]]
        if let latents {
            guard latents.rank == 4, latents.shape[0] == count else {
                throw TensorError.value(
                    operation: "generate",
                    message: "wanted latents of \(count) pictures, got \(Tensor.text(latents.shape))")
            }
            result.latents = try latents.narrow(0, index, 1).contiguous()
        }
        return result
    }

    /// One hash over everything here that the pictures depend on.
    public func identity() throws -> String {
        var parts = prompts + negativePrompts + seeds.map { String($0) }
        parts += ["\(steps) \(guidanceScale) \(width) \(height) \(eta)", scheduler?.rawValue ?? "", overflow.rawValue]
        if let latents {
            let packed = try latents.contiguous()
            parts.append(
                withExtendedLifetime(packed) {
                    SHA256.hex(
                        of: UnsafeRawBufferPointer(start: packed.pointer, count: packed.count * packed.dtype.size))
                })
        }
        // Lengths first, so that no two lists of texts are one text.
        return SHA256.hex(of: parts.map { "\($0.utf8.count):\($0)" }.joined())
    }
}
