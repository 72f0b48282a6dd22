import Checkpoints
import Encoders
import Engine
import Networks
import Tensors

/// The autoencoder of a diffusers folder: `vae` with its `config.json` and weights.
public final class AutoencoderKL: Autoencoder {
    /// How `AutoencoderRegistry` opens it.
    static let entry = NetworkEntry<any Autoencoder>(
        "vae", classes: ["AutoencoderKL"],
        parameters: { try AutoencoderKL.parameters(AutoencoderConfiguration(path: $0)) },
        open: { try AutoencoderKL($0, dtype: $1) })

    /// The sizes.
    public let configuration: AutoencoderConfiguration
    /// Its parameters and its folder.
    public var loaded: LoadedNetwork? { LoadedNetwork(network.parameters, folder) }
    /// The compute dtype.
    public var dtype: DType { folder.executor.dtype }
    /// The files that the weights and sizes came from, with their SHA-256.
    public var files: [(file: String, sha256: String)] { folder.files }
    private let network: AutoencoderNetwork
    private let folder: ModelFolder

    /// Loads a folder, its weights strictly; names of old files are understood.
    /// - Parameter dtype: f32 or bf16.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType) throws {
        configuration = try AutoencoderConfiguration(path: folder + "/config.json")
        network = try AutoencoderNetwork(configuration)
        self.folder = try ModelFolder(folder, dtype: dtype)
        try network.parameters.load(self.folder.checkpoint.renamed(Self.newName))
    }

    /// The names and shapes of all tensors that the weights of a configuration must hold.
    public static func parameters(_ configuration: AutoencoderConfiguration) throws -> [(name: String, shape: [Int])] {
        try AutoencoderNetwork(configuration).parameters.parameters.map { ($0.name, $0.shape) }
    }

    /// The name that diffusers gives a tensor of an old file.
    private static func newName(_ name: String) -> String {
        guard name.contains(".mid_block.attentions.") else { return name }
        var parts = name.split(separator: ".").map(String.init)
        let new = ["query": ["to_q"], "key": ["to_k"], "value": ["to_v"], "proj_attn": ["to_out", "0"]]
        guard parts.count >= 2, let replacement = new[parts[parts.count - 2]] else { return name }
        parts.replaceSubrange(parts.count - 2..<parts.count - 1, with: replacement)
        return parts.joined(separator: ".")
    }

    /// Channels of a latent.
    public var latentChannels: Int { configuration.latentChannels }
    /// Pixels a side of one latent's cell.
    public var scale: Int { configuration.scale }
    /// What latents are multiplied by for the denoiser.
    public var scalingFactor: Double { configuration.scalingFactor }
    /// What is taken from latents before that.
    public var shiftFactor: Double { configuration.shiftFactor }

    /// What a user should know of the configuration.
    public var notes: [String] { configuration.notes }

    /// Gives back what the next pass makes again: Winograd's weights.
    public func releaseMemory() { folder.executor.releaseMemory() }

    /// The mean of the latent, unscaled, f32 `[N, H / scale, W / scale, C]`, of pictures f32 `[N, H, W, 3]` in -1 to 1.
    public func encode(_ pictures: Tensor) throws -> Tensor {
        let (inputs, scale) = (configuration.inputs, scale)
        guard pictures.rank == 4, pictures.count > 0, pictures.shape[3] == inputs, pictures.dtype == .f32,
            pictures.shape[1] % scale == 0, pictures.shape[2] % scale == 0
        else {
            throw TensorError.shape(
                operation: "vae",
                message: "wanted pictures f32 [N, H, W, \(inputs)] with sides that are multiples of \(scale), got "
                    + "\(pictures.dtype) \(Tensor.text(pictures.shape))")
        }
        return try run(pictures.contiguous(), Encoding(network: network, channels: latentChannels))
    }

    /// Pictures f32 `[N, H * scale, W * scale, 3]`, about -1 to 1, of unscaled latents f32 `[N, H, W, C]`.
    public func decode(_ latents: Tensor) throws -> Tensor {
        try run(checked(latents), Decoding(network: network))
    }

    /// As `decode`, in overlapping tiles that are blended: less memory, and diffusers' result with tiling.
    public func decodeTiled(_ latents: Tensor) throws -> Tensor {
        let latents = try checked(latents)
        let tile = configuration.sampleSize / scale
        if latents.shape[1] <= tile && latents.shape[2] <= tile { return try decode(latents) }
        guard tile >= 2 else {
            throw TensorError.value(
                operation: "vae", message: "no tiles of \(tile) latents: its sample_size is \(configuration.sampleSize)"
            )
        }
        let blend = Int(Double(configuration.sampleSize) * 0.25)
        let tiles = TiledDecoding(
            tile: tile, step: max(1, Int(Double(tile) * 0.75)), blend: blend, kept: configuration.sampleSize - blend)
        let pictures = try (0..<latents.shape[0]).map { index in
            try tiles.run(latents.narrow(0, index, 1)) { try run($0, Decoding(network: network), keepsMemory: true) }
        }
        folder.executor.releaseActivations()
        return try pictures.count == 1 ? pictures[0] : Tensor.cat(pictures, axis: 0)
    }

    private func checked(_ latents: Tensor) throws -> Tensor {
        guard latents.rank == 4, latents.count > 0, latents.shape[3] == latentChannels, latents.dtype == .f32 else {
            throw TensorError.shape(
                operation: "vae",
                message: "wanted latents f32 [N, H, W, \(latentChannels)], got \(latents.dtype) "
                    + Tensor.text(latents.shape))
        }
        return try latents.contiguous()
    }

    /// Runs a part of the network on one image after the other, with all threads in each layer. The memory of activations,
    /// which are large, is given back at the end, unless more of the same size follow.
    private func run(_ batch: Tensor, _ part: some AutoencoderPart, keepsMemory: Bool = false) throws -> Tensor {
        defer { if !keepsMemory { folder.executor.releaseActivations() } }
        let result = try run(batch, part, on: folder.executor)
        try folder.checkpoint.checkUnchanged()
        return result
    }

    private func run<X: Executor>(_ batch: Tensor, _ part: some AutoencoderPart, on executor: X) throws -> Tensor {
        try executor.map(batch.shape[0], .spread) { execution, rows -> [X.Run.Value] in
            [try part.run(execution.value(batch.narrow(0, rows.lowerBound, rows.count)), on: execution)]
        }[0]
    }
}

/// A half of an autoencoder.
private protocol AutoencoderPart {
    /// f32 `[N, …]` for f32 `[N, …]`.
    func run<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value
}

/// Latents of pictures: the mean.
private struct Encoding: AutoencoderPart {
    let network: AutoencoderNetwork
    let channels: Int

    func run<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        try execution.narrow(network.encode(x, on: execution), axis: 3, 0..<channels)
    }
}

/// Pictures of latents.
private struct Decoding: AutoencoderPart {
    let network: AutoencoderNetwork

    func run<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value { try network.decode(x, on: execution) }
}

/// Decoding in overlapping tiles, as diffusers cuts and blends them.
struct TiledDecoding {
    /// Cells of the latent that a tile is wide and high.
    let tile: Int
    /// From a tile's first cell to the next one's.
    let step: Int
    /// Pixels over which neighbours are blended.
    let blend: Int
    /// Pixels of a tile that are kept.
    let kept: Int

    /// f32 `[1, H, W, C]` for a latent `[1, h, w, c]`.
    func run(_ latent: Tensor, _ decode: (Tensor) throws -> Tensor) throws -> Tensor {
        var above: [Tensor] = []
        var bands: [Tensor] = []
        for top in stride(from: 0, to: latent.shape[1], by: step) {
            var row: [Tensor] = []
            var pieces: [Tensor] = []
            for left in stride(from: 0, to: latent.shape[2], by: step) {
                let part = try latent.narrow(1, top, min(tile, latent.shape[1] - top))
                    .narrow(2, left, min(tile, latent.shape[2] - left)).contiguous()
                // A tile of its own: the decoder's memory is used again, and the neighbours below and right need it.
                let piece = try decode(part).clone()
                if !above.isEmpty { try Self.blend(above[row.count], piece, axis: 1, extent: blend) }
                if let left = row.last { try Self.blend(left, piece, axis: 2, extent: blend) }
                row.append(piece)
                pieces.append(
                    try piece.narrow(1, 0, min(kept, piece.shape[1])).narrow(2, 0, min(kept, piece.shape[2])))
            }
            bands.append(try Tensor.cat(pieces, axis: 2))
            above = row
        }
        return try Tensor.cat(bands, axis: 1)
    }

    /// Fades the end of `before` into the begin of `after`, along an axis of `[1, H, W, C]`.
    private static func blend(_ before: Tensor, _ after: Tensor, axis: Int, extent: Int) throws {
        let extent = min(extent, before.shape[axis], after.shape[axis])
        let from = before.pointer.assumingMemoryBound(to: Float.self)
        let to = after.pointer.assumingMemoryBound(to: Float.self)
        let lines = axis == 1 ? 1 : after.shape[1]
        let unit = axis == 1 ? after.shape[2] * after.shape[3] : after.shape[3]
        for line in 0..<lines {
            for position in 0..<extent {
                let weight = Float(position) / Float(extent)
                let source = (line * before.shape[axis] + before.shape[axis] - extent + position) * unit
                let target = (line * after.shape[axis] + position) * unit
                for index in 0..<unit {
                    to[target + index] = from[source + index] * (1 - weight) + to[target + index] * weight
                }
            }
        }
        withExtendedLifetime((before, after)) {}
    }
}
