import Encoders
import Engine
import Foundation
import Networks
import Tensors
import Threading
import Tokenizers

/// Writes texts with a causal network: each prompt is read by itself, then all texts of a batch go on together, so that their
/// tokens share one read of the weights.
struct Writer<Network: CausalNetwork> {
    private let network: Network
    private let tokenizer: any DecodingTokenizer
    private let ends: Set<Int>
    private let options: WritingOptions
    private let model: ModelFiles
    private let watch: ((Int, String) throws -> Void)?

    /// - Parameters:
    ///   - model: the network's files.
    ///   - ends: the ids that end a text, beside those of the options.
    init(
        _ network: Network, of model: ModelFiles, tokenizer: any DecodingTokenizer, ends: Set<Int>,
        _ options: WritingOptions, watch: ((Int, String) throws -> Void)?
    ) {
        self.network = network
        self.model = model
        self.tokenizer = tokenizer
        self.options = options
        self.watch = watch
        // A stop that is a special token of its own never shows in a text.
        let special = options.stops.map { tokenizer.tokens($0) }.filter { ids in
            ids.count == 1 && (try? tokenizer.decode(ids))?.isEmpty == true
        }
        self.ends = (options.replacesEnds ? [] : ends).union(options.ends).union(special.joined())
    }

    /// The texts, in the order of the prompts.
    func write<X: Executor>(_ prompts: [Prompt], on executor: X) throws -> [WrittenText] {
        var written: [WrittenText] = []
        for start in stride(from: 0, to: prompts.count, by: options.batch) {
            let range = start..<min(prompts.count, start + options.batch)
            written += try executor.run { execution in
                let texts = try range.map { try open(prompts[$0], number: $0, on: execution) }
                while true {
                    let live = texts.filter { $0.end == nil }
                    if live.isEmpty { break }
                    try Cancellation.check()
                    try step(live, on: execution)
                }
                return try texts.map { try finished($0) }
            }
        }
        return written
    }

    /// A text in the making.
    private final class Draft<E: Execution> {
        let number: Int
        let cache: TextCache<E>
        let chooser: Chooser
        /// How many tokens may be written.
        let room: Int
        var ids: [Int] = []
        var end: WrittenText.End?
        /// The text up to what stopped it.
        var cut: String?

        init(number: Int, _ cache: TextCache<E>, _ chooser: Chooser, room: Int) {
            self.number = number
            self.cache = cache
            self.chooser = chooser
            self.room = room
        }
    }

    /// Reads a prompt and chooses the first token behind it.
    private func open<E: Execution>(_ prompt: Prompt, number: Int, on execution: E) throws -> Draft<E> {
        let draft = Draft(
            number: number, try TextCache(layers: network.layerCount, on: execution),
            Chooser(options, ends: ends, seed: options.seed(number), model),
            room: min(options.maximumTokens, network.positions - prompt.count))
        let words = try prompt.parts.filter { part in
            if case .ids(let ids) = part { return !ids.isEmpty }
            return true
        }.map { part -> E.Value in
            switch part {
            case .ids(let ids):
                return try network.embed(Tensor(ids.map(Int64.init), shape: [1, ids.count]), on: execution)
            case .vectors(let vectors):
                guard vectors.rank == 2, vectors.shape[1] == network.width else {
                    throw TensorError.shape(
                        operation: "generate",
                        message: "prompt \(number + 1): wanted vectors [T, \(network.width)], got "
                            + Tensor.text(vectors.shape))
                }
                return try execution.value(
                    vectors.to(.f32).contiguous().reshaped([1, vectors.shape[0], network.width]))
            }
        }
        let whole = try words.count == 1 ? words[0] : execution.concatenate(words, axis: 1)
        let last = try network.states(whole, .next(draft.cache), on: execution)
        try choose([draft], by: network.logits(last, on: execution), on: execution)
        return draft
    }

    /// One more token of each text.
    private func step<E: Execution>(_ drafts: [Draft<E>], on execution: E) throws {
        let ids = try Tensor(drafts.map { Int64($0.ids[$0.ids.count - 1]) }, shape: [1, drafts.count])
        let states = try network.states(
            network.embed(ids, on: execution), .step(drafts.map(\.cache)), on: execution)
        try choose(drafts, by: network.logits(states, on: execution), on: execution)
    }

    /// Takes the next token of each text by scores `[1, texts, V]`.
    private func choose<E: Execution>(_ drafts: [Draft<E>], by scores: E.Value, on execution: E) throws {
        let scores = try execution.tensor(scores).contiguous()
        try scores.withElements(Float.self) { values in
            for (row, draft) in drafts.enumerated() {
                let own = UnsafeBufferPointer(
                    rebasing: values[row * network.vocabularySize..<(row + 1) * network.vocabularySize])
                try take(draft.chooser.next(own), for: draft)
            }
        }
    }

    private func take<E: Execution>(_ id: Int, for draft: Draft<E>) throws {
        if ends.contains(id) {
            draft.end = .end
            return
        }
        draft.ids.append(id)
        if !options.stops.isEmpty || watch != nil {
            let text = try decode(draft.ids)
            let first = options.stops.compactMap { text.range(of: $0)?.lowerBound }.min()
            if let first {
                draft.cut = String(text[..<first])
                draft.end = .stop
            }
            try watch?(draft.number, draft.cut ?? text)
        }
        if draft.end == nil, draft.ids.count >= draft.room { draft.end = .length }
    }

    /// The text of ids; a vocabulary may have ids that no tokenizer knows, such as those of images.
    private func decode(_ ids: [Int]) throws -> String {
        try tokenizer.decode(ids.filter { $0 < tokenizer.vocabularySize })
    }

    /// A text, and its ids without those that only what stopped it is made of.
    private func finished<E: Execution>(_ draft: Draft<E>) throws -> WrittenText {
        guard let text = draft.cut else {
            return WrittenText(ids: draft.ids, text: try decode(draft.ids), end: draft.end ?? .length)
        }
        var ids = draft.ids
        while let last = ids.popLast() {
            if try decode(ids).count < text.count {
                ids.append(last)
                break
            }
        }
        return WrittenText(ids: ids, text: text, end: .stop)
    }
}
