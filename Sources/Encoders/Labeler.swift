import Checkpoints
import Engine
import Files
import Foundation
import Identity
import Tensors

/// A model that reads reports and says what they state: with `FindingLabeler` which findings, with `AnnotatingLabeler` which words.
public protocol Labeler: AnyObject {
    /// The registered name.
    var name: String { get }
    /// The compute dtype.
    var dtype: DType { get }
    /// The kind of device that computes.
    var device: DeviceKind { get }
    /// The files of weights and tokenizer, with the SHA-256 of what was read.
    var files: [(file: String, sha256: String)] { get }
}

extension Labeler {
    /// What its answers depend on beside the reports.
    public var identity: FeatureIdentity {
        FeatureIdentity(
            encoder: name, source: FeatureIdentity.source(files: files.map(\.sha256)), preprocessing: "text",
            output: "labels", dtype: dtype.rawValue, device: device)
    }
}

/// A labeler of findings.
public protocol FindingLabeler: Labeler {
    /// A class for each finding, i64 `[N, 14]`, the findings in the alphabet's order: 0 blank, 1 positive, 2 negative, 3 uncertain.
    /// - Throws: `CheckpointError.notFinite` naming a text whose answer is no number; `TensorError.stopped`.
    func labels(_ texts: [String]) throws -> Tensor
}

/// A labeler of words.
public protocol AnnotatingLabeler: Labeler {
    /// The entities of each text, in its order.
    /// - Throws: `CheckpointError.notFinite` naming a text whose answer is no number; `TensorError.stopped`.
    func annotate(_ texts: [String]) throws -> [[ReportEntity]]
}

/// Words of a report that say something.
public struct ReportEntity: Equatable, Sendable {
    /// A relation to another entity, by its place in the list, from 0.
    public struct Relation: Equatable, Sendable {
        /// What it is, such as `located_at`.
        public let kind: String
        /// The other's place.
        public let entity: Int

        /// A relation to the entity at a place.
        public init(kind: String, entity: Int) {
            (self.kind, self.entity) = (kind, entity)
        }
    }

    /// The words, with a space between two.
    public let tokens: String
    /// What they are, such as `ANAT-DP`.
    public let label: String
    /// Which words of the text, from 0.
    public let words: Range<Int>
    /// What they have to do with others.
    public let relations: [Relation]

    /// Some words of a report.
    public init(tokens: String, label: String, words: Range<Int>, relations: [Relation] = []) {
        (self.tokens, self.label, self.words, self.relations) = (tokens, label, words, relations)
    }
}

/// The labelers by name.
public enum LabelerRegistry {
    /// A kind of labeler.
    public struct Entry: Sendable {
        /// What it is, in a sentence.
        public let about: String
        /// The Hub name of its weights, and the file in it.
        public let weights: (place: String, file: String)
        /// The Hub name of its tokenizer; nil where the weights name it.
        public let tokenizer: String?
        /// Looks at what `open` reads, at headers, names and shapes: nothing is hashed, and no value is read.
        public let look: @Sendable (_ weights: String, _ tokenizer: String?) throws -> Void
        /// Opens a file of weights and a folder with the tokenizer, to compute so.
        public let open: @Sendable (_ weights: String, _ tokenizer: String?, _ compute: Compute) throws -> any Labeler

        /// Describes a labeler; without `look` nothing but the places of its files are looked at before a run.
        public init(
            about: String, weights: (place: String, file: String), tokenizer: String?,
            look: @escaping @Sendable (_ weights: String, _ tokenizer: String?) throws -> Void = { _, _ in },
            open:
                @escaping @Sendable (
                    _ weights: String, _ tokenizer: String?, _ compute: Compute
                ) throws -> any Labeler
        ) {
            self.about = about
            self.weights = weights
            self.tokenizer = tokenizer
            self.look = look
            self.open = open
        }

        /// The file of weights: a file, or that of a folder or a Hub name, or the usual one.
        /// - Throws: `CheckpointError.notFound`.
        public func weights(at place: String?) throws -> String {
            if let place, FileManager.default.fileExists(atPath: place), !Folders.isFolder(place) { return place }
            return try HubCache.locate(place ?? weights.place, file: weights.file)
        }

        /// The place of the tokenizer: the given one, or the usual one; nil where the weights name it.
        /// - Throws: `CheckpointError.notFound`.
        public func tokenizer(at place: String?) throws -> String? {
            try (place ?? tokenizer).map { try HubCache.locate($0) }
        }
    }

    /// The program's own: one a file.
    public static let standard = Registry<Entry>(
        "labeler", [("chexbert", CheXbert.labeler), ("radgraph", RadGraph.labeler)])
}
