import Checkpoints
import Devices
import Engine
import Files
import Foundation
import Identity
import Networks
import Tensors
import Tokenizers

/// RadGraph (Jain et al., 2021): the entities of a report and their relations, from the archives of AllenNLP that the package radgraph
/// reads.
public final class RadGraph: AnnotatingLabeler {
    /// The labeler, as `LabelerRegistry` opens it.
    static let labeler = LabelerRegistry.Entry(
        about: "RadGraph, entities of a report and their relations",
        weights: (place: "StanfordAIMI/RRG_scorers", file: "radgraph-xl.tar.gz"), tokenizer: nil,
        look: { weights, tokenizer in
            // An archive is unpacked whole or not at all, which takes as long as loading it: its kind is looked at.
            let file = try MappedFile(weights)
            guard Gzip.isCompressed(file.bytes) || TarArchive.begins(file.bytes) else {
                throw FileError.malformed(
                    path: weights, location: "", reason: "wanted a tar archive, as it is or compressed with gzip")
            }
            if let tokenizer {
                _ = try TokenizerRegistry.standard.open(tokenizer)
                _ = try BERTTextConfiguration(path: tokenizer + "/config.json")
            }
        },
        open: { try RadGraph(weights: $0, tokenizer: $1, dtype: $2.dtype, on: $2.device) })

    /// Spans and pairs of spans that are scored together.
    private static let together = 2048

    /// `radgraph`.
    public let name = "radgraph"
    /// The data that the model was trained on, which the archive's vocabulary names: `radgraph`, `radgraph-xl`.
    public let dataset: String
    /// The archive and the tokenizer's files, with their SHA-256.
    public let files: [(file: String, sha256: String)]
    private let network: RadGraphNetwork
    private let executor: any Executor
    private let tokenizer: any Tokenizer
    private let frame: (begin: Int, end: Int)
    private let widths: [Float]
    private let labels: [String]
    private let kinds: [String]
    private let settings: Settings

    /// Loads an archive, its weights strictly.
    /// - Parameter place: the folder with the tokenizer and the `config.json` of BERT; nil is the model that the archive names,
    ///   found in the Hub's cache.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(weights: String, tokenizer place: String?, dtype: DType, on device: Device = .standard) throws {
        let file = try MappedFile(weights)
        let bytes =
            Gzip.isCompressed(file.bytes) ? try Gzip.unpacked(file.bytes, name: weights) : Array(file.bytes)
        let archive = try TarArchive(bytes, name: weights)
        func part(_ name: String) throws -> ArraySlice<UInt8> {
            guard let found = archive.files.first(where: { $0.name == name }) else {
                throw FileError.malformed(path: weights, location: "", reason: "the archive holds no \(name)")
            }
            return bytes[found.range]
        }
        settings = try Settings(try part("config.json"), path: weights)
        let ending = "__ner_labels.txt"
        guard
            let dataset = archive.files.lazy.map(\.name).first(where: {
                $0.hasPrefix("vocabulary/") && $0.hasSuffix(ending)
            }).map({ String($0.dropFirst("vocabulary/".count).dropLast(ending.count)) })
        else { throw FileError.malformed(path: weights, location: "", reason: "its vocabulary has no *\(ending)") }
        self.dataset = dataset
        labels = Self.lines(try part("vocabulary/\(dataset)\(ending)"))
        kinds = Self.lines(try part("vocabulary/\(dataset)__relation_labels.txt"))
        guard labels.first == "", labels.count > 1, !kinds.isEmpty else {
            throw FileError.malformed(
                path: weights, location: "vocabulary of \(dataset)",
                reason: "wanted an empty line before the labels of entities, and labels of relations")
        }
        let folder = try place ?? HubCache.locate(settings.model)
        tokenizer = try TokenizerRegistry.standard.open(folder)
        guard let begin = tokenizer.beginID, let end = tokenizer.endID else {
            throw FileError.malformed(path: folder, location: "", reason: "the tokenizer has no [CLS] or no [SEP]")
        }
        frame = (begin, end)
        let configuration = try BERTTextConfiguration(path: folder + "/config.json")
        guard configuration.positions > 2 else {
            throw FileError.malformed(
                path: folder + "/config.json", location: "\"max_position_embeddings\"",
                reason: "wanted 3 or more, got \(configuration.positions)")
        }
        guard tokenizer.vocabularySize <= configuration.vocabularySize else {
            throw FileError.malformed(
                path: folder, location: "",
                reason: "the tokenizer has \(tokenizer.vocabularySize) tokens, its config.json says "
                    + "\(configuration.vocabularySize)")
        }
        let network = try RadGraphNetwork(
            configuration,
            .init(
                spanWidth: settings.widthCount, featureSize: settings.featureSize, hidden: settings.hidden,
                entities: labels.count - 1, relations: kinds.count), dataset: dataset)
        try Self.load(network, try part("weights.th"), dataset: dataset, path: weights)
        self.network = network
        executor = try device.executor(dtype: dtype)
        widths = try network.widths.floats()
        let beside = [Paths.joined(folder, "config.json")] + TokenizerRegistry.files(of: folder)
        files = try [(file: weights, sha256: file.sha256())] + SHA256.files(beside)
    }

    /// Fills the parameters from the bytes of `weights.th`: through a file of its own, as readers of weights map theirs.
    private static func load(
        _ network: RadGraphNetwork, _ bytes: ArraySlice<UInt8>, dataset: String, path: String
    ) throws {
        let folder = Paths.joined(NSTemporaryDirectory(), "chexgen-\(UUID().uuidString)")
        try Folders.make(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = Paths.joined(folder, "weights.th")
        try AtomicFile.write(file, Data(bytes))
        ReadDoor.letIn(file)
        do {
            try network.parameters.load(Checkpoint.open(file)) { name in
                let isOfOther = name.hasPrefix("_ner.") || name.hasPrefix("_relation.")
                return name.hasPrefix("_coref.") || name.hasPrefix("_events.") || name.contains(".pooler.")
                    || name.hasSuffix(".position_ids") || isOfOther && !name.contains(".\(dataset)__")
            }
        } catch let error as TensorError {
            throw error
        } catch {
            throw FileError.malformed(
                path: path, location: "weights.th",
                reason: "\(error)".replacingOccurrences(of: file + ": ", with: ""))
        }
    }

    private static func lines(_ bytes: ArraySlice<UInt8>) -> [String] {
        var lines = String(decoding: bytes, as: UTF8.self).split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline
        ).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }

    /// The compute dtype.
    public var dtype: DType { executor.dtype }
    /// The kind of device that computes.
    public var device: DeviceKind { executor.deviceKind }

    /// The entities of reports, in the order of their spans.
    public func annotate(_ texts: [String]) throws -> [[ReportEntity]] {
        try texts.enumerated().map { row, text in
            try Cancellation.check()
            return try entities(RadGraphWords.words(text, dataset: dataset), text: row, on: executor)
        }
    }

    private func entities<X: Executor>(_ words: [String], text: Int, on executor: X) throws -> [ReportEntity] {
        let pieces = words.map { tokenizer.tokens(RadGraphWords.read($0)) }
        guard pieces.contains(where: { !$0.isEmpty }) else { return [] }
        let vectors = try vectors(pieces, on: executor)
        var spans: [Range<Int>] = []
        for start in words.indices {
            for end in start..<min(words.count, start + settings.spanWidth) { spans.append(start..<end + 1) }
        }
        // Kinds of each span, and how much it stands in relations.
        var labels: [Int] = []
        var mentions: [Float] = []
        let scores = self.labels.count
        for block in stride(from: 0, to: spans.count, by: Self.together) {
            let rows = spans[block..<min(spans.count, block + Self.together)].map { span(vectors, $0) }
            let found = try self.scores(rows, arePairs: false, text: text, on: executor)
            for row in rows.indices {
                let values = found[row * scores..<(row + 1) * scores]
                labels.append(Self.best(values.dropLast()))
                mentions.append(values.last ?? 0)
            }
        }
        let kept = min(spans.count, max(1, Int((Float(words.count) * settings.spansPerWord).rounded(.up))))
        let order = spans.indices.sorted { mentions[$0] != mentions[$1] ? mentions[$0] > mentions[$1] : $0 < $1 }
        let isKept = Set(order.prefix(kept))
        let entities = spans.indices.filter { labels[$0] > 0 }
        // Relations of what is no entity are left out in the end: they are not looked for.
        let related = entities.indices.filter { isKept.contains(entities[$0]) }
        var relations = [[ReportEntity.Relation]](repeating: [], count: entities.count)
        let vectorsOfRelated = related.map { span(vectors, spans[entities[$0]]) }
        for first in related.indices {
            try Cancellation.check()
            for block in stride(from: 0, to: related.count, by: Self.together) {
                let others = block..<min(related.count, block + Self.together)
                let rows = others.map { other -> [Float] in
                    let (a, b) = (vectorsOfRelated[first], vectorsOfRelated[other])
                    return a + b + zip(a, b).map { $0 * $1 }
                }
                let found = try self.scores(rows, arePairs: true, text: text, on: executor)
                for (row, other) in others.enumerated() {
                    let (one, two) = (entities[related[first]], entities[related[other]])
                    let both = mentions[one] + mentions[two]
                    let kind = Self.best(found[row * kinds.count..<(row + 1) * kinds.count].map { $0 + both })
                    if kind > 0 {
                        relations[related[first]].append(.init(kind: kinds[kind - 1], entity: related[other]))
                    }
                }
            }
        }
        return entities.enumerated().map { place, index in
            ReportEntity(
                tokens: words[spans[index]].joined(separator: " "), label: self.labels[labels[index]],
                words: spans[index], relations: relations[place])
        }
    }

    /// The place of the largest score behind a null's of 0, which has the place 0.
    private static func best(_ scores: some Collection<Float>) -> Int {
        var (place, most) = (0, Float(0))
        for (index, score) in scores.enumerated() where score > most { (place, most) = (index + 1, score) }
        return place
    }

    /// The vector of each word: the mean of its pieces' states, zeros where it has none. Long reports are read in parts.
    private func vectors<X: Executor>(_ pieces: [[Int]], on executor: X) throws -> [[Float]] {
        let all = pieces.flatMap { $0 }
        let (width, room) = (network.bert.width, min(settings.longest, network.bert.positions) - 2)
        var states: [Float] = []
        for start in stride(from: 0, to: all.count, by: room) {
            try Cancellation.check()
            let part = all[start..<min(all.count, start + room)]
            var ids = part.map(Int64.init)
            ids.insert(Int64(frame.begin), at: 0)
            ids.append(Int64(frame.end))
            let words = try Tensor(ids, shape: [1, ids.count])
            let found = try executor.map(1, .spread) { [network] execution, _ in
                try network.bert.encode(words, padding: nil, .last, on: execution).states
            }
            states += try (found?.array(Float.self) ?? []).dropFirst(width).dropLast(width)
        }
        var place = 0
        return pieces.map { piece in
            var sum = [Float](repeating: 0, count: width)
            for _ in piece {
                for channel in 0..<width { sum[channel] += states[place + channel] }
                place += width
            }
            return sum.map { $0 / Float(max(1, piece.count)) }
        }
    }

    /// The vector of a span: its first word's, its last word's, its width's.
    private func span(_ vectors: [[Float]], _ span: Range<Int>) -> [Float] {
        let width = (span.count - 1) * settings.featureSize
        var result = vectors[span.lowerBound]
        result += vectors[span.upperBound - 1]
        result += widths[width..<width + settings.featureSize]
        return result
    }

    private func scores<X: Executor>(
        _ rows: [[Float]], arePairs: Bool, text: Int, on executor: X
    ) throws -> ArraySlice<Float> {
        let input = try Tensor(rows.flatMap { $0 }, shape: [rows.count, rows.first?.count ?? 0])
        let found = try executor.map(1, .spread) { [network] execution, _ in
            let x = try execution.value(input)
            let scores = try arePairs ? network.pairs(x, on: execution) : network.spans(x, on: execution)
            return try execution.reshape(scores, [1] + scores.shape)
        }
        let values = try found?.array(Float.self) ?? []
        guard values.allSatisfy(\.isFinite) else {
            throw CheckpointError.notFinite(
                path: files.first?.file ?? name, what: "\(name): a score of text \(text + 1)", dtype: dtype)
        }
        return values[...]
    }

    /// What an archive's `config.json` says.
    private struct Settings {
        let model: String
        let longest, spanWidth, widthCount, featureSize: Int
        let hidden: [Int]
        let spansPerWord: Float

        init(_ bytes: ArraySlice<UInt8>, path: String) throws {
            let json = try bytes.withUnsafeBytes {
                try JSON.parse($0, name: path + ": config.json", allowsNonFinite: true)
            }
            func fault(_ keys: [String], _ wanted: String) -> FileError {
                FileError.malformed(
                    path: path, location: "config.json, \"\(keys.joined(separator: "."))\"", reason: "wanted \(wanted)")
            }
            func value(_ keys: [String]) -> JSON? { keys.reduce(json as JSON?) { $0?[$1] } }
            func integer(_ keys: [String], _ limits: ClosedRange<Int>, default standard: Int? = nil) throws -> Int {
                guard let found = value(keys)?.integer ?? (value(keys) == nil ? standard : nil), limits.contains(found)
                else {
                    throw fault(keys, "a whole number from \(limits.lowerBound) to \(limits.upperBound)")
                }
                return found
            }
            let indexer = ["dataset_reader", "token_indexers", "bert"]
            guard let model = value(indexer + ["model_name"])?.string else { throw fault(indexer, "a model_name") }
            self.model = model
            longest = try integer(indexer + ["max_length"], 3...65_536, default: 512)
            spanWidth = try integer(["dataset_reader", "max_span_width"], 1...1024)
            widthCount = try integer(["model", "max_span_width"], spanWidth...1024)
            featureSize = try integer(["model", "feature_size"], 1...16_384)
            let layers = ["model", "feedforward_params"]
            let count = try integer(layers + ["num_layers"], 1...64)
            if let list = value(layers + ["hidden_dims"])?.array {
                hidden = list.compactMap(\.integer).filter { (1...65_536).contains($0) }
                guard hidden.count == count, list.count == count else { throw fault(layers, "\(count) hidden_dims") }
            } else {
                hidden = [Int](repeating: try integer(layers + ["hidden_dims"], 1...65_536), count: count)
            }
            let share = ["model", "modules", "relation", "spans_per_word"]
            guard let found = value(share)?.number, found > 0, found <= 16 else {
                throw fault(share, "a number up to 16")
            }
            spansPerWord = Float(found)
            let coreferences = ["model", "modules", "coref", "coref_prop"]
            guard try integer(coreferences, 0...1024, default: 0) == 0 else {
                throw fault(coreferences, "0: vectors that coreferences change are not supported")
            }
        }
    }
}
