import Checkpoints
import Devices
import Engine
import Files
import Foundation
import Identity
import Imaging
import Networks
import Tensors
import Tokenizers

/// BioViL-T (Bannur et al., 2023): images and texts of chest radiography in one space, from the folder that Microsoft
/// publishes. Texts go through CXR-BERT.
public final class BioViLT: ImageTextModel {
    /// The name on the Hub.
    public static let hubName = "microsoft/BiomedVLP-BioViL-T"
    /// The file of the image network.
    public static let imageFile = "biovil_t_image_model_proj_size_128.pt"

    /// The model, as `ImageTextRegistry` opens it.
    static let imageText = ImageTextRegistry.Entry(
        about: "BioViL-T, images and reports of chest radiography", place: hubName, images: BioViLTImages.entry,
        look: look
    ) {
        try BioViLT($0, dtype: $1.dtype, on: $1.device)
    }

    /// `biovil-t`.
    public let name = "biovil-t"
    /// Images into the space.
    public var images: any Encoder { film }
    private let film: BioViLTImages
    private let text: BERTTextEncoder
    private let tokenizer: any Tokenizer
    /// What texts must not hold: the tokenizer's own marks.
    private let marks = ["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]"]

    /// Loads a folder, its weights strictly.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ folder: String, dtype: DType, on device: Device = .standard) throws {
        tokenizer = try TokenizerRegistry.standard.open(folder)
        text = try BERTTextEncoder(folder, dtype: dtype, on: device)
        textFiles = try text.files + SHA256.files(TokenizerRegistry.files(of: folder))
        film = try BioViLTImages(weights: folder, dtype: dtype, on: device)
        guard text.pooledWidth == film.dimension else {
            throw TensorError.value(
                operation: name,
                message: "the images' space has \(film.dimension) dimensions, the texts' \(text.pooledWidth ?? 0)")
        }
    }

    /// Looks at a folder as the initialiser does; no value of its weights is read.
    @Sendable private static func look(_ folder: String) throws {
        try BioViLTImages.look(folder)
        _ = try TokenizerRegistry.standard.open(folder)
        try BERTTextNetwork(config: folder + "/config.json").check(folder: folder)
    }

    /// The files of the texts' side.
    public let textFiles: [(file: String, sha256: String)]

    /// Unit vectors f32 `[N, D]` of texts, each alone: final marks (!, ?, .) are taken off, as the model's own library does.
    public func texts(_ texts: [String]) throws -> Tensor {
        if texts.isEmpty { return try Tensor(uninitialized: [0, film.dimension]) }
        let rows = try texts.enumerated().map { index, text in
            try Cancellation.check()
            let prompt = String(text.reversed().drop { "!?.".contains($0) }.reversed())
            if let mark = marks.first(where: prompt.contains) {
                throw TensorError.value(
                    operation: name, message: "text \(index + 1) holds \(mark), which the tokenizer keeps for itself")
            }
            let ids = tokenizer.ids(prompt)
            guard ids.count <= self.text.positions else {
                throw TensorError.value(
                    operation: name,
                    message: "text \(index + 1) has \(ids.count) tokens, and the model takes \(self.text.positions): "
                        + "\"\(text.prefix(60))…\"")
            }
            let words = try Tensor(ids.map(Int64.init), shape: [1, ids.count])
            let found = try self.text.encode(words, mask: nil, TextRequest(isPooled: true))
            return try UnitVectors.of(found.pooled ?? found.states)
        }
        return try Tensor.cat(rows, axis: 0)
    }
}

/// The images' side of BioViL-T, for films without an earlier one.
public final class BioViLTImages: VectorEncoder {
    /// The encoder, as evaluations know it.
    public static let entry = EncoderEntry(
        name: "biovil-t", about: "the image network of BioViL-T: unit vectors in the space of its texts",
        columnEnding: " (BioViL-T)", comparesSets: false,
        weights: .init(place: BioViLT.hubName, hint: "huggingface-cli download \(BioViLT.hubName)"), outputs: [output],
        load: { try BioViLTImages(weights: $0, dtype: $1.dtype, on: $1.device) },
        look: { try look($0) },
        parameters: { _ in try BioViLTImageNetwork().parameters.parameters.map { ($0.name, $0.shape) } })

    private static let output = "projected"

    /// `biovil-t`.
    public let name = "biovil-t"
    /// The unit vector of a film.
    public let outputs: [EncoderOutput]
    let network: BioViLTImageNetwork
    let model: ModelFiles

    /// Loads the image network of a folder, or a file, strictly.
    /// - Throws: `CheckpointError` and `FileError` where the file is absent, damaged or of another network.
    public init(weights: String, dtype: DType, on device: Device = .standard) throws {
        model = try ModelFiles(Checkpoint.open(Self.file(weights)), dtype: dtype, on: device)
        network = try BioViLTImageNetwork()
        try network.parameters.load(model.checkpoint, ignoring: Self.isForeign)
        outputs = [EncoderOutput(Self.output, width: network.width)]
    }

    /// Looks at the image network of a folder, or a file; no value of its weights is read.
    static func look(_ weights: String) throws {
        try BioViLTImageNetwork().parameters.check(Checkpoint.open(file(weights)), ignoring: isForeign)
    }

    private static func file(_ weights: String) throws -> String {
        let path = Folders.isFolder(weights) ? Paths.joined(weights, BioViLT.imageFile) : weights
        guard FileManager.default.fileExists(atPath: path) else {
            throw FileError.missing(
                path: path, hint: "it belongs to the model; get it with: huggingface-cli download \(BioViLT.hubName)")
        }
        return path
    }

    /// Whether a tensor may stand beside the parameters: an earlier film, ImageNet's classes and the classifier of the training are
    /// not asked.
    @Sendable private static func isForeign(_ name: String) -> Bool {
        name.hasSuffix(".num_batches_tracked") || name.hasPrefix("encoder.vit_pooler.")
            || name.hasPrefix("encoder.encoder.fc.") || name.hasPrefix("classifier.")
    }

    /// All samples are stretched over 8 bits.
    public var cutsSamples: Bool { false }

    /// The same under both protocols.
    public func preprocessing(_ way: Protocol) -> String {
        "all samples stretched from least to most over 0 to 255; L; shortest edge 512 bilinear (Pillow, antialiased); centre "
            + "crop 448x448; x/255"
    }

    /// Bytes u8 `[448, 448, 3]`, as the model's own library reads a PNG or JPEG; the same under both protocols.
    public func preprocess(_ image: Image, protocol way: Protocol) throws -> Tensor {
        try image.stretched().converted(to: .gray).resized(shortestEdge: 512, filter: .bilinear)
            .centerCropped(width: 448, height: 448, rule: .halfToEven).converted(to: .rgb).tensor()
    }

    /// Unit vectors.
    func features(_ answers: Tensor) throws -> Tensor { try UnitVectors.of(answers) }
}
