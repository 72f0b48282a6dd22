import Diffusion
import Encoders
import Tensors
import Testing

/// Texts become conditionings once, and what is kept of them is bounded.
@Suite struct ConditioningTests {
    private func options(_ prompts: [String]) -> GenerationOptions {
        GenerationOptions(
            prompts: prompts, seeds: prompts.indices.map { UInt64($0) },
            GenerationDefaults(steps: 2, guidanceScale: 7.5, width: 8, height: 8, sizeUnit: 2))
    }

    private func text(_ values: [Float], mask: Bool = false, pooled: Bool = false) throws -> Conditioning {
        Conditioning(
            states: try Tensor(values, shape: [1, 2, values.count / 2]),
            mask: mask ? try Tensor([1, 0] as [Int64], shape: [1, 2]) : nil,
            pooled: pooled ? try Tensor([9] as [Float], shape: [1, 1]) : nil)
    }

    @Test func theNegativeTextIsEncodedOnceForAllPictures() throws {
        let encoder = IdEncoder()
        let pipeline = try DiffusionPipeline.standIn(textEncoder: encoder)
        for prompt in ["a", "b", "c"] { _ = try pipeline.begin(options([prompt])) }
        // Three prompts, and the negative text once; alone and in a batch.
        #expect(encoder.calls == 4 && pipeline.encodedTexts == 4)
        _ = try pipeline.begin(options(["c", "b", "a", "a"]))
        #expect(encoder.calls == 4)
        var other = options(["a"])
        other.negativePrompts = ["film"]
        _ = try pipeline.begin(other)
        #expect(encoder.calls == 5)
    }

    @Test func aTextThatIsTooLongIsAnErrorAlsoWhenItIsKept() throws {
        let pipeline = try DiffusionPipeline.standIn()
        var options = options(["a long text"])
        #expect(try pipeline.begin(options).lostTokens == [5])
        options.text.overflow = .error
        #expect(throws: (any Error).self) { try pipeline.begin(options) }
        #expect(throws: (any Error).self) { try pipeline.settings(options) }
        #expect(throws: (any Error).self) { try pipeline.encode(["a long text"], options.text) }
        #expect(try pipeline.encode(["a long text", "x"], TextOptions()).lost == [5, 0])
        #expect(throws: (any Error).self) { try pipeline.encode([], TextOptions()) }
    }

    @Test func theCacheIsBoundedAndForgetsTheOldest() throws {
        var cache = ConditioningCache(limit: 3 * 16)
        func ask(_ key: String) throws -> Float {
            try cache.value(key) { EncodedText(try text([1, 2, 3, Float(key) ?? 0]), lost: 0) }
                .conditioning.states.array(Float.self)[3]
        }
        for key in ["1", "2", "3", "1"] { #expect(try ask(key) == Float(key)) }
        #expect(cache.misses == 3)
        // "2" was not asked for the longest, and goes for "4".
        for key in ["4", "1", "3"] { #expect(try ask(key) == Float(key)) }
        #expect(cache.misses == 4)
        #expect(try ask("2") == 2 && cache.misses == 5)
        // What is larger than the bound is not kept, and pushes nothing out.
        func large() throws {
            _ = try cache.value("large") { EncodedText(try text([Float](repeating: 0, count: 16)), lost: 0) }
        }
        try large()
        try large()
        #expect(cache.misses == 7)
        #expect(try ask("2") == 2 && cache.misses == 7)
    }

    @Test func conditioningsAreJoinedAndCut() throws {
        let both = try Conditioning.cat([
            text([1, 2], mask: true, pooled: true), text([3, 4], mask: true, pooled: true),
        ])
        #expect(
            both.count == 2 && both.states.shape == [2, 2, 1] && both.mask?.shape == [2, 2]
                && both.pooled?.shape == [2, 1])
        let second = try both.narrow(1, 1)
        #expect(try second.states.contiguous().array(Float.self) == [3, 4] && second.count == 1)
        #expect(throws: TensorError.self) { try Conditioning.cat([text([1, 2], mask: true), text([3, 4])]) }
        #expect(throws: TensorError.self) { try Conditioning.cat([text([1, 2]), text([3, 4, 5, 6])]) }
    }
}
