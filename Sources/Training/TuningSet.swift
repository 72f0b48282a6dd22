import Tensors

/// A text that a language model learns from: its pieces in order.
public struct TuningExample {
    /// A piece of a text.
    public enum Part {
        /// Ids; whether the model learns to write them.
        case ids([Int], isLearned: Bool)
        /// States f32 `[T, features]` in the place of tokens, which the projector makes vectors of; without a projector they are
        /// vectors already.
        case vectors(Tensor)

        /// How many tokens it is.
        var count: Int {
            switch self {
            case .ids(let ids, _): return ids.count
            case .vectors(let vectors): return vectors.shape.first ?? 0
            }
        }
    }

    /// The pieces in order.
    public let parts: [Part]

    /// A text of pieces; empty ones are left out.
    public init(_ parts: [Part]) { self.parts = parts.filter { $0.count > 0 } }

    /// A prompt, and what is to be written behind it.
    public init(prompt: [Int], answer: [Int]) {
        self.init([.ids(prompt, isLearned: false), .ids(answer, isLearned: true)])
    }

    /// How many tokens it has.
    public var count: Int { parts.reduce(0) { $0 + $1.count } }

    /// The id that each token is to be followed by, from the second token on; -100, as in transformers, where none is learned.
    var labels: [Int64] {
        let all = parts.flatMap { part -> [Int64] in
            if case .ids(let ids, true) = part { return ids.map(Int64.init) }
            return [Int64](repeating: -100, count: part.count)
        }
        return Array(all.dropFirst())
    }

    /// How many ids are learned.
    public var learnedCount: Int { labels.lazy.filter { $0 >= 0 }.count }

    /// Its first tokens.
    public func prefix(_ length: Int) -> TuningExample {
        var (rest, kept) = (length, [Part]())
        for part in parts where rest > 0 {
            switch part {
            case .ids(let ids, let isLearned): kept.append(.ids(Array(ids.prefix(rest)), isLearned: isLearned))
            case .vectors(let vectors):
                let count = min(rest, part.count)
                kept.append(.vectors((try? vectors.narrow(0, 0, count)) ?? vectors))
            }
            rest -= part.count
        }
        return TuningExample(kept)
    }
}

/// The texts of a training, each made when its turn comes.
public struct TuningSet {
    /// How many there are.
    public let count: Int
    /// What must be equal for a training to go on with it.
    public let fingerprint: String
    /// Makes one, counted from 0.
    public let example: (Int) throws -> TuningExample
    /// Of one, how many tokens stand before those that are learned, and how many there are at least; nil where only making it tells.
    let sizes: ((Int) -> (before: Int, count: Int))?

    /// A set.
    public init(
        count: Int, fingerprint: String, sizes: ((Int) -> (before: Int, count: Int))? = nil,
        example: @escaping (Int) throws -> TuningExample
    ) {
        (self.count, self.fingerprint, self.sizes, self.example) = (count, fingerprint, sizes, example)
    }

    /// The rows of a part, `share` of so many: those of the smaller part of two are in the larger.
    public static func rows(of count: Int, share: Double, seed: UInt64) -> [Int] {
        guard share < 1 else { return Array(0..<count) }
        return Array(
            TorchGenerator(seed: TuningOptions.stream(seed, 0, 5)).permutation(count).prefix(
                max(1, Int((Double(count) * share).rounded())))
        ).sorted()
    }

    /// A part of it; see `rows`.
    public func part(_ share: Double, seed: UInt64) -> TuningSet {
        guard share < 1 else { return self }
        let rows = Self.rows(of: count, share: share, seed: seed)
        let (example, sizes) = (example, sizes)
        return TuningSet(
            count: rows.count, fingerprint: "\(fingerprint) \(share) \(seed)",
            sizes: sizes.map { sizes in { sizes(rows[$0]) } }
        ) { try example(rows[$0]) }
    }
}
