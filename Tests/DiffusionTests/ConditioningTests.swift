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
        // What other prompts need stays, without guidance the negative text, too.
        _ = try second.prepare(options(["c", "d"]), keptIn: folder.path)
        #expect(try other.calls == 2 && files().count == 5)
        var alone = wanted
        alone.guidanceScale = 1
        let (third, none) = try make()
        #expect(try third.prepare(alone, keptIn: folder.path) == 4 && third.prepare(wanted, keptIn: folder.path) == 4)
        #expect(try none.calls == 0 && files().count == 5)

        // As far as there is room: a text has 64 bytes of states here.
        let (small, fourth) = try make(limit: 3 * 64)
        #expect(try small.prepare(options(["a", "b", "c", "d"]), keptIn: nil) == 2 && fourth.calls == 3)
        #expect(try make(limit: 1).pipeline.prepare(options(["a", "b"]), keptIn: nil) == 1)
        // A text that is too long is an error when its turn comes.
        var strict = options(["a", "b", "a long text"])
        strict.text.overflow = .error
        #expect(try make().pipeline.prepare(strict, keptIn: nil) == 2)
        strict.prompts.swapAt(0, 2)
        #expect(throws: (any Error).self) { try make().pipeline.prepare(strict, keptIn: nil) }
        #expect(throws: (any Error).self) { try make().pipeline.prepare(wanted, keptIn: folder.path + "/absent") }
    }

    /// A folder takes all texts, whatever memory has room for; each picture reads its own.
    @Test func aFolderTakesTheTextsOfAllPictures() throws {
        let folder = try Scratch()
        let encoder = IdEncoder()
        let pipeline = try DiffusionPipeline.standIn(textEncoder: encoder, cacheLimit: 2 * 64)
        // Forty pictures of twenty prompts.
        let all = options((0..<40).map { "p\($0 / 2)" })
        var told: [[Int]] = []
        #expect(try pipeline.prepare(all, keptIn: folder.path) { told.append([$0, $1]) } == 40)
        #expect(encoder.calls == 21 && encoder.releases == 1 && pipeline.encodedTexts == 21)
        // The first picture brings its prompt and the negative text.
        #expect(told.first == [2, 21] && told.last == [21, 21] && told.count == 20)
        let straight = try DiffusionPipeline.standIn()
        for index in all.prompts.indices {
            let (kept, plain) = (try pipeline.begin(all.one(index)), try straight.begin(all.one(index)))
            for one in [kept, plain] { try one.advance() }
            #expect(try kept.latents.array(Float.self) == plain.latents.array(Float.self))
        }
        #expect(encoder.calls == 21)
        // Another cell, in another process.
        let other = IdEncoder()
        let cell = try DiffusionPipeline.standIn(textEncoder: other, cacheLimit: 0)
        #expect(try cell.prepare(all, keptIn: folder.path) == 40)
        _ = try cell.begin(all)
        #expect(other.calls == 0 && cell.encodedTexts == 0)
    }

    @Test func keptTextsThatAreDamagedAreMadeAnew() throws {
        let folder = try Scratch()
        func file(_ number: Int) throws -> URL {
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            return URL(fileURLWithPath: folder.path + "/" + names[number])
        }
        let wanted = options(["a", "b", "c"])
        let latents = try DiffusionPipeline.standIn().begin(wanted)
        try latents.advance()
        _ = try DiffusionPipeline.standIn().prepare(wanted, keptIn: folder.path)
        func calls(_ damage: () throws -> Void) throws -> Int {
            try damage()
            let encoder = IdEncoder()
            let pipeline = try DiffusionPipeline.standIn(textEncoder: encoder)
            _ = try pipeline.prepare(wanted, keptIn: folder.path)
            let process = try pipeline.begin(wanted)
            try process.advance()
            #expect(try process.latents.array(Float.self) == latents.latents.array(Float.self))
            return encoder.calls
        }
        #expect(try calls {} == 0)
        // A value, a name, the end; each is mended once.
        for damage in [
            {
                var data = try Data(contentsOf: file(0))
                data[data.count - 3] ^= 1
                try data.write(to: file(0))
            },
            { try Data(contentsOf: file(1)).write(to: file(2)) },
            { try Data(contentsOf: file(1)).dropLast().write(to: file(1)) },
            { try Data().write(to: file(3)) },
        ] as [() throws -> Void] {
            #expect(try calls(damage) == 1)
            #expect(try calls {} == 0)
        }
    }

    /// What has no room on the disk is encoded when its turn comes; what is needed last goes first.
    @Test func keptTextsAreBounded() throws {
        let folder = try Scratch()
        func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
        _ = try DiffusionPipeline.standIn().prepare(options(["a"]), keptIn: folder.path)
        let size = folder.size(try #require(files().first))
        let encoder = IdEncoder()
        let pipeline = try DiffusionPipeline.standIn(textEncoder: encoder, cacheLimit: 0, keptLimit: 3 * size)
        try folder.write("mine.txt", "a")
        let all = options(["a", "b", "c", "d"])
        #expect(try pipeline.prepare(all, keptIn: folder.path) == 2)
        // The negative text and "a" were there.
        #expect(try encoder.calls == 1 && files().count == 4)
        #expect(try pipeline.prepare(all.pictures(2..<4), keptIn: folder.path) == 2)
        #expect(try encoder.calls == 3 && files().count == 4 && files().contains("mine.txt"))
        // The next cell begins again.
        #expect(try pipeline.prepare(all, keptIn: folder.path) == 2 && encoder.calls == 5)
        _ = try pipeline.begin(all.pictures(0..<2))
        #expect(encoder.calls == 5)
        // What was not prepared is encoded, and takes no room.
        _ = try pipeline.begin(all.one(3))
        #expect(try encoder.calls == 6 && files().count == 4)
        // The first picture's texts are kept, whatever room there is.
        let other = try Scratch()
        let tight = try DiffusionPipeline.standIn(textEncoder: encoder, cacheLimit: 0, keptLimit: 1)
        #expect(try tight.prepare(all, keptIn: other.path) == 1 && encoder.calls == 8)
        _ = try tight.begin(all.one(0))
        #expect(encoder.calls == 8)
        DiffusionPipeline.removeTexts(in: folder.path, above: 3 * size)
        #expect(try files().count == 4)
        DiffusionPipeline.removeTexts(in: folder.path, above: 3 * size - 1)
        #expect(try files() == ["mine.txt"])
        DiffusionPipeline.removeTexts(in: folder.path + "/absent", above: 0)
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
