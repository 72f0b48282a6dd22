import Checkpoints
import Devices
import Engine
import Files
import Foundation
import Identity
import Networks
import Tensors
import Tokenizers

/// CheXbert (Smit et al., 2020): which of fourteen findings a report states, from the file that its authors publish.
public final class CheXbert: FindingLabeler {
    /// The labeler, as `LabelerRegistry` opens it.
    static let labeler = LabelerRegistry.Entry(
        about: "CheXbert, fourteen findings of a report",
        weights: (place: "StanfordAIMI/RRG_scorers", file: "chexbert.pth"), tokenizer: hubTokenizer,
        look: {
            let opened = try Opened($0, tokenizer: $1 ?? hubTokenizer)
            try opened.network.parameters.check(opened.checkpoint, ignoring: isForeign)
        },
        open: { try CheXbert(weights: $0, tokenizer: $1 ?? hubTokenizer, dtype: $2.dtype, on: $2.device) })
    private static let hubTokenizer = "bert-base-uncased"

    /// The findings in the order of the network's layers.
    public static let findings = [
        "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
        "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices",
        "No Finding",
    ]
    /// The place of each layer's finding in the alphabet's order.
    private static let columns = findings.map { name in findings.filter { $0 < name }.count }
    /// Channels of an attention head, which the file does not say.
    private static let headWidth = 64
    /// The longest text in tokens, begin and end included.
    private static let longest = 512
    /// Texts of one length that are read together.
    private static let together = 64

    /// `chexbert`.
    public let name = "chexbert"
    private let network: CheXbertNetwork
    private let model: ModelFiles
    private let tokenizer: any Tokenizer
    private let frame: (begin: Int, end: Int)

    /// Loads weights, strictly, and the tokenizer of a folder, or of the `vocab.txt` in it.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(weights: String, tokenizer place: String, dtype: DType, on device: Device = .standard) throws {
        let opened = try Opened(weights, tokenizer: place)
        (tokenizer, frame, network) = (opened.tokenizer, opened.frame, opened.network)
        let beside = TokenizerRegistry.files(of: opened.folder)
        model = try ModelFiles(opened.checkpoint, beside: beside, dtype: dtype, on: device)
        try network.parameters.load(opened.checkpoint, ignoring: Self.isForeign)
    }

    /// Weights and their network, of which no value is read, and the tokenizer.
    private struct Opened {
        let folder: String
        let tokenizer: any Tokenizer
        let frame: (begin: Int, end: Int)
        let checkpoint: Checkpoint
        let network: CheXbertNetwork

        init(_ weights: String, tokenizer place: String) throws {
            folder = try CheXbert.folder(place)
            tokenizer = try TokenizerRegistry.standard.open(folder)
            checkpoint = try Checkpoint.open(weights).renamed {
                $0.hasPrefix("module.") ? String($0.dropFirst("module.".count)) : $0
            }
            let configuration = try CheXbert.configuration(checkpoint)
            guard let begin = tokenizer.beginID, let end = tokenizer.endID else {
                throw FileError.malformed(path: folder, location: "", reason: "the tokenizer has no [CLS] or no [SEP]")
            }
            guard tokenizer.vocabularySize <= configuration.vocabularySize else {
                throw FileError.malformed(
                    path: folder, location: "",
                    reason: "the tokenizer has \(tokenizer.vocabularySize) tokens, the network of \(weights) "
                        + "\(configuration.vocabularySize): it belongs to another network")
            }
            frame = (begin, end)
            network = try CheXbertNetwork(configuration)
        }
    }

    /// Whether a tensor may stand beside the parameters.
    @Sendable private static func isForeign(_ name: String) -> Bool {
        name == "bert.embeddings.position_ids" || name.hasPrefix("bert.pooler.")
    }

    private static func folder(_ place: String) throws -> String {
        guard FileManager.default.fileExists(atPath: place), !Folders.isFolder(place) else { return place }
        guard place == "vocab.txt" || place.hasSuffix("/vocab.txt") else {
            throw FileError.malformed(
                path: place, location: "", reason: "wanted a tokenizer's folder, or the vocab.txt in one")
        }
        return Paths.folder(Paths.absolute(place))
    }

    /// The sizes that the shapes of a file tell.
    private static func configuration(_ checkpoint: Checkpoint) throws -> BERTTextConfiguration {
        func fault(_ name: String, _ reason: String) -> FileError {
            FileError.malformed(path: checkpoint.path, location: "tensor \"\(name)\"", reason: reason)
        }
        func sizes(_ name: String, _ limits: (Int, Int)) throws -> (Int, Int) {
            let name = "bert." + name + ".weight"
            guard let shape = checkpoint.shape(of: name) else {
                throw fault(name, "it is not there: this is no file of CheXbert's weights")
            }
            guard shape.count == 2, (1...limits.0).contains(shape[0]), (1...limits.1).contains(shape[1]) else {
                throw fault(name, "wanted a matrix of at most [\(limits.0), \(limits.1)], got \(Tensor.text(shape))")
            }
            return (shape[0], shape[1])
        }
        let widest = 16_384
        let (vocabulary, width) = try sizes("embeddings.word_embeddings", (1 << 21, widest))
        guard width % headWidth == 0 else {
            throw fault(
                "bert.embeddings.word_embeddings.weight",
                "a token has \(width) channels, which are no multiple of the \(headWidth) of an attention head")
        }
        let layers = (0..<512).first { !checkpoint.contains("bert.encoder.layer.\($0).output.dense.weight") } ?? 512
        return BERTTextConfiguration(
            vocabularySize: vocabulary, hiddenSize: width,
            mlpSize: try sizes("encoder.layer.0.intermediate.dense", (131_072, widest)).0, layers: layers,
            heads: width / headWidth, positions: try sizes("embeddings.position_embeddings", (65_536, widest)).0,
            tokenTypes: try sizes("embeddings.token_type_embeddings", (1024, widest)).0)
    }

    /// The compute dtype.
    public var dtype: DType { model.executor.dtype }
    /// The kind of device that computes.
    public var device: DeviceKind { model.executor.deviceKind }
    /// The files of weights and tokenizer, with the SHA-256 of what was read.
    public var files: [(file: String, sha256: String)] { model.files }

    /// The ids of a report: white space is one space, and of a long report the first tokens count, as in the authors' code.
    package func ids(_ text: String) -> [Int] {
        let words = text.unicodeScalars.split {
            (0x1C...0x1F).contains($0.value) || $0.properties.isWhitespace
        }
        let tokens = tokenizer.tokens(words.map { String(Substring($0)) }.joined(separator: " "))
        let room = min(Self.longest, network.bert.positions) - 2
        return [frame.begin] + tokens.prefix(max(0, room)) + [frame.end]
    }

    /// A class for each finding, i64 `[N, 14]`, in the alphabet's order of findings. Texts of one length are read together.
    public func labels(_ texts: [String]) throws -> Tensor {
        let count = Self.findings.count
        let encoded = try texts.map { text in
            try Cancellation.check()
            return ids(text)
        }
        let order = encoded.indices.sorted { (encoded[$0].count, $0) < (encoded[$1].count, $1) }
        var classes = [Int64](repeating: 0, count: texts.count * count)
        var start = 0
        while start < order.count {
            let length = encoded[order[start]].count
            let rows = order[start...].prefix(Self.together).prefix { encoded[$0].count == length }
            let words = try Tensor(rows.flatMap { encoded[$0].map(Int64.init) }, shape: [rows.count, length])
            let answers = try answers(words, on: model.executor)
            for (place, row) in rows.enumerated() {
                for (finding, found) in try self.classes(answers, place, text: row).enumerated() {
                    classes[row * count + Self.columns[finding]] = Int64(found)
                }
            }
            start += rows.count
        }
        try model.checkpoint.checkUnchanged()
        return try Tensor(classes, shape: [texts.count, count])
    }

    /// The answers f32 `[N, 54]` of texts of one length.
    private func answers<X: Executor>(_ ids: Tensor, on executor: X) throws -> [Float] {
        let found = try executor.map(ids.shape[0], .fitted) { [network] execution, rows in
            try network.forward(ids.narrow(0, rows.lowerBound, rows.count), on: execution)
        }
        return try found?.array(Float.self) ?? []
    }

    /// The largest answer of each layer, the first of equal ones.
    private func classes(_ answers: [Float], _ row: Int, text: Int) throws -> [Int] {
        var start = row * CheXbertNetwork.classes.reduce(0, +)
        return try CheXbertNetwork.classes.map { size in
            let values = answers[start..<start + size]
            start += size
            guard values.allSatisfy(\.isFinite) else {
                throw model.notFinite("\(name): an answer about text \(text + 1)")
            }
            return
                (values.indices.max { values[$0] < values[$1] || values[$0] == values[$1] && $0 > $1 }
                ?? values.startIndex)
                - values.startIndex
        }
    }
}
