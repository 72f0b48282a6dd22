import Checkpoints
import Files
import Foundation
import Identity
import Imaging
import NeuralNet
import Tensors

/// `rad-dino`: a Hugging Face folder of a `Dinov2Model`; the feature is the final normalised class token.
public final class RadDINO: Encoder {
    /// The name on the Hub of the model that CheXGenBench uses.
    public static let hubName = "microsoft/rad-dino"

    /// The encoder, as evaluations know it.
    public static let entry = EncoderEntry(
        name: "rad-dino", about: "RAD-DINO, a DINOv2 vision transformer trained on chest radiographs",
        columnEnding: " (RadDino)", roles: [.neighbours: .init(output: output, columnEnding: "")],
        weights: .init(place: hubName, hint: downloadHint), outputs: [output],
        load: { try RadDINO(weights: $0, dtype: $1) }, parameters: parameters)

    private static let output = "pooler_output"
    private static let downloadHint = "huggingface-cli download \(hubName)"

    /// `rad-dino`.
    public let name = "rad-dino"
    /// The final normalised class token, `hidden_size` of the configuration wide.
    public let outputs: [EncoderOutput]
    /// The files of weights and configuration.
    public let files: [(file: String, sha256: String)]
    /// The compute dtype.
    public var dtype: DType { pool.dtype }
    /// The steps from an image to pixels.
    public let processor: ImageProcessor
    private let network: Dinov2Network
    private let pool: ContextPool
    /// Parameters are views of its files until a layer packs them.
    private let checkpoint: Checkpoint
    private let table: [Float]
    /// Both sides of the images that CheXGenBench's fid.py makes before any encoder sees them.
    private static let benchmarkSide = 299

    /// Loads a folder, or the folder of a weight file: weights strictly, `config.json`, `preprocessor_config.json`.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(weights: String, dtype: DType) throws {
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: weights, isDirectory: &isFolder)
        let folder = isFolder.boolValue ? weights : (weights as NSString).deletingLastPathComponent
        func beside(_ file: String) throws -> String {
            let path = folder.isEmpty ? file : "\(folder)/\(file)"
            guard FileManager.default.fileExists(atPath: path) else {
                throw FileError.missing(path: path, hint: "it belongs to the model; get it with: \(Self.downloadHint)")
            }
            return path
        }
        let configurationPath = try beside("config.json")
        let processorPath = try beside("preprocessor_config.json")
        let configuration = try Dinov2Configuration(path: configurationPath)
        processor = try ImageProcessor(path: processorPath)
        table = processor.table()
        network = try Dinov2Network(configuration)
        checkpoint = try Checkpoint.open(weights).renamed(Self.hubName(of:))
        try network.parameters.load(checkpoint) { $0 == "embeddings.mask_token" }
        pool = try ContextPool(dtype: dtype)
        outputs = [EncoderOutput(Self.output, width: configuration.hiddenSize)]
        files =
            try checkpoint.sha256().map { (file: $0.file, sha256: $0.hash) }
            + [configurationPath, processorPath].map { (file: $0, sha256: try SHA256.hex(file: $0)) }
    }

    /// The tensors of a folder's `config.json`.
    @Sendable private static func parameters(config: String?) throws -> [(name: String, shape: [Int])] {
        guard let config else {
            throw TensorError.value(
                operation: "rad-dino", message: "its parameters depend on a config.json: name its folder")
        }
        let configuration = try Dinov2Configuration(path: config + "/config.json")
        return try Dinov2Network(configuration).parameters.parameters.map { ($0.name, $0.shape) }
    }

    /// The name that files on the Hub use for a tensor, which transformers 5 may have renamed.
    private static func hubName(of name: String) -> String? {
        var name = name.hasPrefix("dinov2.") ? String(name.dropFirst("dinov2.".count)) : name
        for (new, old) in [
            (".attention.q_proj.", ".attention.attention.query."), (".attention.k_proj.", ".attention.attention.key."),
            (".attention.v_proj.", ".attention.attention.value."), (".attention.o_proj.", ".attention.output.dense."),
        ] {
            name = name.replacingOccurrences(of: new, with: old)
        }
        return name
    }

    /// The processor's steps; under `chexgenbench` after a resize to 299 × 299.
    public func preprocessing(_ way: Protocol) -> String {
        switch way {
        case .exact: return processor.text
        case .chexgenbench:
            let side = Self.benchmarkSide
            return "RGB; \(side)x\(side) bilinear (Pillow, antialiased); " + processor.text
        }
    }

    /// The image as the processor cuts it; `chexgenbench` squeezes it to 299 × 299 first, as fid.py does.
    public func preprocess(_ image: Image, protocol way: Protocol) throws -> Tensor {
        switch way {
        case .exact: return try processor.bytes(image)
        case .chexgenbench:
            let side = Self.benchmarkSide
            return try processor.bytes(
                image.converted(to: .rgb).resized(width: side, height: side, filter: .bilinear))
        }
    }

    /// Features of preprocessed images u8 `[H, W, 3]`.
    /// - Throws: `TensorError` for other images or outputs; `FileError` where a weight file was changed in use.
    public func embed(_ images: [Tensor], outputs: [String]) throws -> [Tensor] {
        for output in outputs { _ = try self.output(output) }
        if let wrong = images.first(where: { $0.dtype != .u8 }) {
            throw TensorError.dtype(operation: name, message: "wanted u8 images [H, W, 3], got \(wrong.dtype)")
        }
        let batches = try images.map { try checked(EncoderInput.batch(of: $0.contiguous())) }
        let result = try Tensor(uninitialized: [images.count, dimension])
        try pool.forEach(images.count) { [self] index, context in
            EncoderInput.put(try network.pooled(normalised(batches[index], context), context), index, result)
        }
        try checkpoint.checkUnchanged()
        return outputs.map { _ in result }
    }

    /// Features f32 `[N, C]` of pixels f32 `[N, H, W, 3]` that are normalised already.
    public func forward(_ x: Tensor) throws -> Tensor {
        let pixels = try EncoderInput.images(checkedPixels(x))
        let result = try Tensor(uninitialized: [pixels.count, dimension])
        try pool.forEach(pixels.count) { [self] index, context in
            let image = try context.converted(EncoderInput.batch(of: pixels[index]), context.dtype)
            EncoderInput.put(try network.pooled(image, context), index, result)
        }
        try checkpoint.checkUnchanged()
        return result
    }

    /// Every final token f32 `[N, T, C]`, class token first, of pixels f32 `[N, H, W, 3]` that are normalised already.
    public func tokens(_ x: Tensor) throws -> Tensor {
        let pixels = try EncoderInput.images(checkedPixels(x))
        let patch = network.configuration.patchSize
        let count = (x.shape[1] / patch) * (x.shape[2] / patch) + 1
        let result = try Tensor(uninitialized: [pixels.count, count, dimension])
        try pool.forEach(pixels.count) { [self] index, context in
            let image = try context.converted(EncoderInput.batch(of: pixels[index]), context.dtype)
            EncoderInput.put(try network.tokens(image, context), index, result)
        }
        try checkpoint.checkUnchanged()
        return result
    }

    private func checkedPixels(_ x: Tensor) throws -> Tensor {
        guard x.dtype == .f32 else {
            throw TensorError.dtype(operation: name, message: "wanted f32 pixels [N, H, W, 3], got \(x.dtype)")
        }
        return try checked(x)
    }

    private func checked(_ x: Tensor) throws -> Tensor {
        let patch = network.configuration.patchSize
        guard x.rank == 4, x.shape[3] == 3, x.shape[1] >= patch, x.shape[2] >= patch else {
            throw TensorError.shape(
                operation: name,
                message: "wanted images [N, H, W, 3] of at least \(patch) × \(patch), got \(Tensor.text(x.shape))")
        }
        return try x.contiguous()
    }

    /// The bytes of an image as the processor's floats, in the context's dtype.
    private func normalised(_ image: Tensor, _ context: Context) throws -> Tensor {
        let floats = try context.tensor(image.shape, .f32)
        let target = floats.pointer.assumingMemoryBound(to: Float.self)
        try image.withElements(UInt8.self) { bytes in
            table.withUnsafeBufferPointer { table in
                var channel = 0
                for index in bytes.indices {
                    target[index] = table[channel * 256 + Int(bytes[index])]
                    channel = channel == 2 ? 0 : channel + 1
                }
            }
        }
        return try context.converted(floats, context.dtype)
    }
}
