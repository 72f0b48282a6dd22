import Encoders
import Foundation
import Tensors

/// How a language model writes.
public struct WritingOptions: Sendable {
    /// The most new tokens of a text.
    public var maximumTokens = 256
    /// How the next token is chosen; nil is the one with the highest score.
    public var sampling: Sampling?
    /// Texts that end a text before them.
    public var stops: [String] = []
    /// Further ids that end a text.
    public var ends: Set<Int> = []
    /// Whether `ends` stand in place of the ids that end the model's texts, instead of beside them.
    public var replacesEnds = false
    /// The ids that may be written, besides those that end a text; nil is all of them.
    public var allowed: ClosedRange<Int>?
    /// How many texts share one read of the weights.
    public var batch = 8
    /// The most texts that do.
    public static let mostTexts = 16
    /// The seed of each text's own stream, as many as prompts; the first is repeated where there are fewer, plus the number of
    /// the prompt.
    public var seeds: [UInt64] = [0]

    /// The usual ones: greedy.
    public init() {}

    /// - Throws: `TensorError.value` for a value out of its range.
    func check(vocabulary: Int) throws {
        func refuse(_ message: String) -> TensorError { .value(operation: "generate", message: message) }
        guard (1...1 << 20).contains(maximumTokens) else {
            throw refuse("max_new_tokens: wanted 1 to \(1 << 20), got \(maximumTokens)")
        }
        guard (1...Self.mostTexts).contains(batch) else {
            throw refuse("batch: wanted 1 to \(Self.mostTexts), got \(batch)")
        }
        if let allowed, allowed.lowerBound < 0 || allowed.upperBound >= vocabulary {
            throw refuse(
                "allowed: the ids go from 0 to \(vocabulary - 1), got \(allowed.lowerBound) to \(allowed.upperBound)")
        }
        if stops.contains(where: \.isEmpty) { throw refuse("stop: an empty text would end every text") }
        try sampling?.check()
    }

    /// The seed of a prompt's stream.
    public func seed(_ index: Int) -> UInt64 {
        index < seeds.count ? seeds[index] : (seeds.first ?? 0) &+ UInt64(index)
    }
}

/// Drawing from the softmax of scores.
public struct Sampling: Sendable, Equatable {
    /// Scores are divided by it.
    public var temperature = 1.0
    /// Of the tokens with the highest probabilities, as few as reach this sum are drawn from; 1 is all.
    public var topP = 1.0
    /// So many tokens with the highest scores are drawn from, and those that equal the last; 0 is all.
    public var topK = 0

    /// All tokens, as the model weighs them.
    public init(temperature: Double = 1, topP: Double = 1, topK: Int = 0) {
        self.temperature = temperature
        self.topP = topP
        self.topK = topK
    }

    /// - Throws: `TensorError.value` for a value out of its range.
    public func check() throws {
        func refuse(_ message: String) -> TensorError { .value(operation: "generate", message: message) }
        guard temperature > 0, temperature <= 1e4 else {
            throw refuse(
                "temperature: wanted above 0 and up to 10000, got \(temperature); without temperature, top_p and top_k the "
                    + "best is taken"
            )
        }
        guard topP > 0, topP <= 1 else { throw refuse("top_p: wanted above 0 and up to 1, got \(topP)") }
        guard topK >= 0 else { throw refuse("top_k: wanted 0 (all) or more, got \(topK)") }
    }
}

/// Chooses tokens of one text, from its own stream.
struct Chooser {
    private let options: WritingOptions
    private let ends: Set<Int>
    private let generator: TorchGenerator
    private let model: ModelFiles

    /// - Parameters:
    ///   - ends: the ids that end the text, which are always allowed.
    ///   - model: whose weights the scores come from.
    init(_ options: WritingOptions, ends: Set<Int>, seed: UInt64, _ model: ModelFiles) {
        self.model = model
        self.options = options
        self.ends = ends
        generator = TorchGenerator(seed: seed)
    }

    /// The next id by the scores of all.
    /// - Throws: `CheckpointError.notFinite` for scores that are no numbers, or above all of them.
    func next(_ scores: UnsafeBufferPointer<Float>) throws -> Int {
        var best = -1
        var kept: [(id: Int, score: Double)] = []
        if options.sampling != nil { kept.reserveCapacity(scores.count) }
        for id in scores.indices {
            if let allowed = options.allowed, !allowed.contains(id), !ends.contains(id) { continue }
            guard scores[id] < .infinity else { throw model.notFinite("generate: the score of id \(id)") }
            if best < 0 || scores[id] > scores[best] { best = id }
            if options.sampling != nil { kept.append((id, Double(scores[id]))) }
        }
        guard let sampling = options.sampling else { return best }
        return draw(kept, sampling)
    }

    /// Temperature, then the k highest, then as few as reach p.
    private func draw(_ scores: [(id: Int, score: Double)], _ sampling: Sampling) -> Int {
        var kept = scores
        if sampling.topK > 0 || sampling.topP < 1 {
            // Equal scores in the order of their ids: the result depends on no sort's whim.
            kept.sort { ($1.score, $0.id) < ($0.score, $1.id) }
        }
        if sampling.topK > 0, sampling.topK < kept.count {
            let last = kept[sampling.topK - 1].score
            kept = Array(kept.prefix { $0.score >= last })
        }
        let highest = kept.reduce(-Double.infinity) { max($0, $1.score) }
        var weights = kept.map { exp(($0.score - highest) / sampling.temperature) }
        if sampling.topP < 1 {
            let total = weights.reduce(0, +)
            var (sum, count) = (0.0, 0)
            while count < weights.count, sum < sampling.topP * total {
                sum += weights[count]
                count += 1
            }
            weights.removeSubrange(max(1, count)...)
        }
        let total = weights.reduce(0, +)
        var rest = Double(generator.word64() >> 11) * 0x1p-53 * total
        for (place, weight) in weights.enumerated() {
            rest -= weight
            if rest < 0 { return kept[place].id }
        }
        return kept[weights.count - 1].id
    }
}
