import Files
import Identity
import Imaging
import Tensors
import Threading

/// One pass over images: each file is read, hashed and decoded once, whatever is asked of it.
///
/// Reading, decoding and preparing go several at a time; results are computed batch by batch on the calling thread, by
/// tasks that use all threads themselves. What a store holds of an image is not computed again, and an image of which it
/// holds everything is not decoded.
public struct ImagePass {
    /// What came of a set of images. Rows are counted from 0 among the images that were kept.
    public struct Outcome {
        /// The images that were kept, by their places in the set.
        public let kept: [Int]
        /// Those that were left out.
        public let skipped: [BadImage]
        /// The file of each row, with the SHA-256 of the bytes that were used.
        public let files: [(path: String, sha256: String)]
        /// What was noticed of each row.
        public let facts: [ImageFacts]
        /// The places of the rows in the results of all sets.
        let places: [Int]
        let results: [ObjectIdentifier: PassResults]
        let cutsSamples: Bool

        /// The results of a task, `[rows, width]` for each of its identities.
        public func results(of task: any ImageTask) throws -> [Tensor] {
            try (results[ObjectIdentifier(task)]?.rows ?? []).map { try $0.rows(places) }
        }

        /// The rows that a task has no result for, and why.
        public func refused(by task: any ImageTask) -> [(row: Int, reason: String)] {
            guard let reasons = results[ObjectIdentifier(task)]?.refusals, !reasons.isEmpty else { return [] }
            return places.enumerated().compactMap { row, place in reasons[place].map { (row, $0) } }
        }

        /// The deepest folder that holds all files.
        public var folder: String { CommonFolder.of(files.map(\.path)) }

        /// The rows whose 16-bit samples were cut to white.
        public var clipped: [Int] { cutsSamples ? facts.indices.filter { facts[$0].isClipped } : [] }
        /// The rows whose pixels are all the same.
        public var flat: [Int] { facts.indices.filter { facts[$0].isFlat } }

        /// What a reader of the results must know of these images; nil where there is nothing.
        public var note: String? {
            var parts: [String] = []
            if !clipped.isEmpty {
                parts.append(
                    "\(clipped.count) of \(kept.count) images have 16-bit samples that were cut to white at 255")
            }
            if !flat.isEmpty { parts.append("\(flat.count) of \(kept.count) images are of one grey level") }
            return parts.isEmpty ? nil : parts.joined(separator: "; ")
        }
    }

    /// What is asked of every image.
    public var tasks: [any ImageTask]
    /// The most images that a task computes at once.
    public var batch: Int
    /// Whether bad images are left out rather than stop the pass.
    public var skipsBad: Bool
    /// What becomes of images that 8 bits turn white, where a task sees them in 8 bits.
    public var clipping: ClippingPolicy
    /// Where results are kept.
    public var store: FeatureStore?

    /// A pass.
    public init(
        _ tasks: [any ImageTask], batch: Int = 16, skipsBad: Bool = false, clipping: ClippingPolicy,
        store: FeatureStore? = nil
    ) {
        self.tasks = tasks
        self.batch = max(1, batch)
        self.skipsBad = skipsBad
        self.clipping = clipping
        self.store = store
    }

    /// Whether images are seen in 8 bits; a pass without tasks is a look on behalf of what will see them so.
    var cutsSamples: Bool { tasks.isEmpty || tasks.contains(where: \.cutsSamples) }

    /// Goes over the images.
    /// - Parameter advance: is called with the number of images that were done since its last call.
    /// - Throws: `BadImages` with all of them where some cannot be used and bad ones are not skipped;
    ///   `TensorError.stopped`; what a task throws.
    public func run(_ images: [ImageSource], advance: (Int) -> Void = { _ in }) throws -> Outcome {
        try run(sets: [images], advance: advance)[0]
    }

    /// Goes over several sets of images at once, so that the bad images of all are listed together.
    /// - Returns: an outcome for each set.
    /// - Throws: as the other.
    public func run(sets: [[ImageSource]], advance: (Int) -> Void = { _ in }) throws -> [Outcome] {
        let images = sets.flatMap { $0 }
        let progress = PassProgress(self, images)
        let chunk = max(batch, Parallel.threads)
        for start in stride(from: 0, to: images.count, by: chunk) {
            try Cancellation.check()
            try progress.take(start..<min(start + chunk, images.count))
            if progress.computes { try progress.compute(all: false) }
            advance(progress.newlyDone())
        }
        guard progress.computes else { throw BadImages(images: progress.bad, total: images.count) }
        try progress.compute(all: true)
        advance(progress.newlyDone())
        var start = 0
        return sets.map { set in
            defer { start += set.count }
            return progress.outcome(start..<start + set.count)
        }
    }
}

/// The deepest folder that holds all of some files.
enum CommonFolder {
    static func of(_ paths: [String]) -> String {
        guard let first = paths.first else { return "." }
        var common = first.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        for path in paths {
            let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            common = common.prefix(zip(common, parts).prefix { $0 == $1 }.count)
        }
        let folder = common.joined(separator: "/")
        return folder.isEmpty ? (first.hasPrefix("/") ? "/" : ".") : folder
    }
}
