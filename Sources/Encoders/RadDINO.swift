import Checkpoints
import Devices
import Engine
import Files
import Foundation
import Identity
import Imaging
import Networks
import Tensors

/// `rad-dino`: a Hugging Face folder of a `Dinov2Model`; the feature is the final normalised class token.
public final class RadDINO: FileEncoder {
    /// The name on the Hub of the model that CheXGenBench uses.
    public static let hubName = "microsoft/rad-dino"

    /// The encoder, as evaluations know it.
    public static let entry = EncoderEntry(
        name: "rad-dino", about: "RAD-DINO, a DINOv2 vision transformer trained on chest radiographs",
        columnEnding: " (RadDino)", roles: [.neighbours: .init(output: output, columnEnding: "")],
        weights: .init(place: hubName, hint: downloadHint), outputs: [output],
        load: { try RadDINO(weights: $0, dtype: $1.dtype, on: $1.device) },
        look: {
            let opened = try Opened($0)
            try opened.network.parameters.check(opened.checkpoint, ignoring: isForeign)
        }, parameters: parameters)

    private static let output = "pooler_output"
    private static let downloadHint = "huggingface-cli download \(hubName)"

    /// `rad-dino`.
    public let name = "rad-dino"
    /// The final normalised class token, `hidden_size` of the configuration wide.
    public let outputs: [EncoderOutput]
    /// The steps from an image to pixels.
    public let processor: ImageProcessor
    private let network: Dinov2Network
    let model: ModelFiles
    private let table: PixelTable
    /// Both sides of the images that CheXGenBench's fid.py makes before any encoder sees them.
    private static let benchmarkSide = 299

    /// Loads a folder, or the folder of a weight file: weights strictly, `config.json`, `preprocessor_config.json`.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(weights: String, dtype: DType, on device: Device = .standard) throws {
        let opened = try Opened(weights)
        (processor, table, network) = (opened.processor, opened.table, opened.network)
        model = try ModelFiles(opened.checkpoint, beside: opened.beside, dtype: dtype, on: device)
        try network.parameters.load(model.checkpoint, ignoring: Self.isForeign)
        outputs = [EncoderOutput(Self.output, width: network.configuration.hiddenSize)]
    }

    /// A folder's network, its steps and its weights, of which none is read.
    private struct Opened {
        let processor: ImageProcessor
        let table: PixelTable
        let network: Dinov2Network
        let checkpoint: Checkpoint
        /// The paths of the files beside the weights.
        let beside: [String]

        init(_ weights: String) throws {
            let folder = Folders.isFolder(weights) ? weights : Paths.dirname(weights)
            func beside(_ file: String) throws -> String {
                let path = folder.isEmpty ? file : "\(folder)/\(file)"
                guard FileManager.default.fileExists(atPath: path) else {
                    throw FileError.missing(
                        path: path, hint: "it belongs to the model; get it with: \(RadDINO.downloadHint)")
                }
                return path
            }
            self.beside = try [beside("config.json"), beside("preprocessor_config.json")]
            network = try Dinov2Network(Dinov2Configuration(path: self.beside[0]))
            processor = try ImageProcessor(path: self.beside[1])
            table = try processor.table()
            checkpoint = try Checkpoint.open(weights).renamed(RadDINO.hubName(of:))
        }
    }

    /// Whether a tensor may stand beside the parameters.
    @Sendable private static func isForeign(_ name: String) -> Bool { name == "embeddings.mask_token" }

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
        for image in images { try check([images.count] + image.shape) }
        if images.isEmpty { return try outputs.map { _ in try Tensor(uninitialized: [0, dimension]) } }
        let features = try run(images, .pooled, on: model.executor)
        try model.checkpoint.checkUnchanged()
        return outputs.map { _ in features }
    }

    /// Features f32 `[N, C]` of pixels f32 `[N, H, W, 3]` that are normalised already.
    public func forward(_ x: Tensor) throws -> Tensor { try forward(x, .pooled) }

    /// Every final token f32 `[N, T, C]`, class token first, of pixels f32 `[N, H, W, 3]` that are normalised already.
    public func tokens(_ x: Tensor) throws -> Tensor { try forward(x, .tokens) }

    /// What is asked of the network.
    private enum Answer { case pooled, tokens }

    private func forward(_ x: Tensor, _ answer: Answer) throws -> Tensor {
        guard x.dtype == .f32 else {
            throw TensorError.dtype(operation: name, message: "wanted f32 pixels [N, H, W, 3], got \(x.dtype)")
        }
        try check(x.shape)
        if x.shape[0] == 0 {
            let patch = network.configuration.patchSize
            let tokens = (x.shape[1] / patch) * (x.shape[2] / patch) + 1
            return try Tensor(uninitialized: answer == .pooled ? [0, dimension] : [0, tokens, dimension])
        }
        let result = try run(EncoderInput.images(x), answer, on: model.executor)
        try model.checkpoint.checkUnchanged()
        return result
    }

    /// The answers for images `[H, W, 3]`, bytes or normalised: those of one shape go through together.
    private func run<X: Executor>(_ images: [Tensor], _ answer: Answer, on executor: X) throws -> Tensor {
        try EncoderInput.grouped(images) { group in
            try executor.map(group.count, .pieces(atMost: 1)) { [self] execution, rows -> [X.Run.Value] in
                let values = try execution.value(EncoderInput.stack(group[rows]))
                let pixels = values.dtype == .u8 ? try execution.pixels(values, table) : values
                switch answer {
                case .pooled: return [try network.pooled(pixels, on: execution)]
                case .tokens: return [try network.tokens(pixels, on: execution)]
                }
            }[0]
        }
    }

    private func check(_ shape: [Int]) throws {
        let patch = network.configuration.patchSize
        guard shape.count == 4, shape[3] == 3, shape[1] >= patch, shape[2] >= patch else {
            throw TensorError.shape(
                operation: name,
                message: "wanted images [N, H, W, 3] of at least \(patch) × \(patch), got \(Tensor.text(shape))")
        }
    }
}
