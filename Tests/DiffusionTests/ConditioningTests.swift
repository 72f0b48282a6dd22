import Diffusion
import Encoders
import Foundation
import Tensors
import TestSupport
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

    @Test func textsAreEncodedAheadAndKept() throws {
        let folder = try Scratch()
        func make(limit: Int = 1 << 20) throws -> (pipeline: DiffusionPipeline, encoder: IdEncoder) {
            let encoder = IdEncoder()
            return (try DiffusionPipeline.standIn(textEncoder: encoder, cacheLimit: limit), encoder)
        }
        func files() throws -> Set<String> { Set(try FileManager.default.contentsOfDirectory(atPath: folder.path)) }
        let (first, encoder) = try make()
        let wanted = options(["a", "b", "a", "c"])
        #expect(try first.prepare(wanted, keptIn: folder.path) == 4)
        // Three prompts and the negative text, a file each; the networks that made them were let go once.
        #expect(try encoder.calls == 4 && encoder.releases == 1 && files().count == 4)
        let latents = try first.begin(wanted).latents
        #expect(encoder.calls == 4)
        // Another process finds them; a damaged file is made anew.
        let (second, other) = try make()
        let damaged = try #require(files().sorted().first)
        try Data("rubbish".utf8).write(to: URL(fileURLWithPath: folder.path + "/" + damaged))
        #expect(try second.prepare(wanted, keptIn: folder.path) == 4 && other.calls == 1)
        let process = try second.begin(wanted)
        let straight = try make().pipeline.begin(wanted)
        for one in [process, straight] { try one.advance() }
        #expect(try process.latents.array(Float.self) == straight.latents.array(Float.self))
        #expect(try latents.array(Float.self) != process.latents.array(Float.self))
        // What other prompts need is kept, the rest goes; other files are let be.
        try folder.write("mine.txt", "a")
        _ = try second.prepare(options(["c", "d"]), keptIn: folder.path)
        #expect(try other.calls == 2 && files().count == 4 && files().contains("mine.txt"))

        // As far as there is room: a text has 64 bytes of states here.
        let (small, third) = try make(limit: 3 * 64)
        #expect(try small.prepare(options(["a", "b", "c", "d"]), keptIn: nil) == 2 && third.calls == 3)
        #expect(try make(limit: 1).pipeline.prepare(options(["a", "b"]), keptIn: nil) == 1)
        // A text that is too long is an error when its turn comes.
        var strict = options(["a", "b", "a long text"])
        strict.text.overflow = .error
        #expect(try make().pipeline.prepare(strict, keptIn: nil) == 2)
        strict.prompts.swapAt(0, 2)
        #expect(throws: (any Error).self) { try make().pipeline.prepare(strict, keptIn: nil) }
        #expect(throws: (any Error).self) { try make().pipeline.prepare(wanted, keptIn: folder.path + "/absent") }
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
