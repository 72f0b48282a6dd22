import Datasets
import Encoders
import Evaluation
import Files
import Identity
import Imaging
import Radiomics
import Tensors
import TestSupport
import Testing

@Suite struct ImagePassTests {
    private func films(_ scratch: Scratch, _ count: Int) throws -> [ImageSource] {
        try (0..<count).map { ImageSource(try scratch.film("\($0).png", seed: $0)) }
    }

    private func levels(_ path: String) throws -> [Float] {
        let pixels = try Image.load(path, mode: .gray).pixels
        let mean = Float(pixels.reduce(0) { $0 + Int($1) }) / Float(pixels.count)
        return [mean, Float(pixels.min() ?? 0), Float(pixels.max() ?? 0)]
    }

    @Test func everyTaskGetsEveryImageAndResultsAreKeptOnce() throws {
        let scratch = try Scratch()
        let images = try films(scratch, 7)
        let cache = FeatureCache(folder: scratch.path + "/cache") { Issue.record("\($0)") }
        for (round, batch) in [2, 16, 1].enumerated() {
            let encoder = LevelsEncoder()
            let task = try EncoderTask(encoder, .exact, outputs: ["features", "mean", "levels"])
            let radiomics = RadiomicsTask(RadiomicsSettings())
            let pass = ImagePass(
                [task, radiomics], batch: batch, clipping: .refused, store: FeatureStore(lasting: cache))
            var done = 0
            let outcome = try pass.run(images) { done += $0 }
            #expect(done == 7 && outcome.kept == Array(0..<7) && outcome.skipped.isEmpty)
            #expect(outcome.files.map(\.path) == images.map(\.path))
            #expect(outcome.files[3].sha256 == (try SHA256.hex(file: images[3].path)))
            #expect(task.outputs == ["levels", "mean"])
            let features = try task.features(outcome)
            let wanted = try images.map { try levels($0.path) }
            #expect(try features[0].array(Float.self) == wanted.flatMap { $0 })
            #expect(try features[1].array(Float.self) == wanted.map { $0[0] })
            let table = try radiomics.table(outcome)
            let direct = try RadiomicsExtractor().features(Image.load(images[5].path))
            let width = table.names.count
            #expect(Array(table.values[5 * width..<6 * width]) == direct.diagnostics + direct.values)
            #expect(encoder.prepared == (round == 0 ? 7 : 0) && encoder.embedded == encoder.prepared)
        }
        // Facts, two outputs and radiomics of seven images.
        #expect(cache.size.vectors == 28)
    }

    @Test func anotherProtocolOrDtypeIsComputedAnew() throws {
        let scratch = try Scratch()
        let images = try films(scratch, 2)
        let store = FeatureStore(lasting: FeatureCache(folder: scratch.path + "/cache") { Issue.record("\($0)") })
        for (way, dtype) in [(Protocol.exact, DType.f32), (.chexgenbench, .f32), (.exact, .bf16)] {
            let encoder = LevelsEncoder(dtype)
            let pass = ImagePass([try EncoderTask(encoder, way)], clipping: ClippingPolicy(way), store: store)
            _ = try pass.run(images)
            #expect(encoder.prepared == 2)
        }
    }

    @Test func resultsOfScriptsStayInTheRun() throws {
        let scratch = try Scratch()
        let images = try films(scratch, 3)
        let cache = FeatureCache(folder: scratch.path + "/cache") { Issue.record("\($0)") }
        for (run, computed) in [("a", 3), ("a", 0), ("b", 3)] {
            let encoder = LevelsEncoder()
            encoder.source = .script(sha256: "1")
            let store = FeatureStore(lasting: cache, runFolder: scratch.path + "/" + run)
            _ = try ImagePass([EncoderTask(encoder, .exact)], clipping: .counted, store: store).run(images)
            #expect(encoder.prepared == computed)
        }
        #expect(cache.size.vectors == 3)
    }

    @Test func whereTheCacheCannotBeUsedTheRunKeepsResults() throws {
        let scratch = try Scratch()
        let images = try films(scratch, 3)
        try scratch.write("cache", "a file")
        for computed in [3, 0] {
            let encoder = LevelsEncoder()
            let store = FeatureStore(
                lasting: FeatureCache(folder: scratch.path + "/cache") { _ in }, runFolder: scratch.path + "/run")
            _ = try ImagePass([EncoderTask(encoder, .exact)], clipping: .counted, store: store).run(images)
            #expect(encoder.prepared == computed)
        }
    }

    @Test func allBadImagesAreListedOrLeftOut() throws {
        let scratch = try Scratch()
        let first = try scratch.film("first.png", seed: 1)
        let last = try scratch.film("last.png", seed: 2)
        let page = try scratch.write("page.png", "<!DOCTYPE html><html></html>")
        let cut = try scratch.film("cut.png", seed: 3)
        try scratch.cut("cut.png", to: 60)
        let table = try Dataset.table(
            name: "films.csv", columns: ["path"],
            rows: [[first], [page], [nil], [cut], [scratch.path + "/gone.png"], [last]], image: "path")
        let images = try ImageSource.all(of: table)
        for batch in [1, 2, 16] {
            let encoder = LevelsEncoder()
            let task = try EncoderTask(encoder, .exact)
            var pass = ImagePass([task], batch: batch, clipping: .refused)
            let text = message { _ = try pass.run(sets: [images, [ImageSource(page)]]) }
            for part in [
                "5 of 7 images cannot be used", "page.png", "HTML page", "films.csv", "row 3", "cut.png", "gone.png",
                "on_bad_image: skip",
            ] {
                #expect(text.contains(part), "\(part): \(text)")
            }
            pass.skipsBad = true
            let outcome = try pass.run(images)
            #expect(outcome.kept == [0, 5] && outcome.skipped.map(\.index) == [1, 2, 3, 4])
            #expect(outcome.skipped[1].path.isEmpty && outcome.skipped[3].path.hasSuffix("gone.png"))
            #expect(try task.features(outcome)[0].array(Float.self) == levels(first) + levels(last))
            #expect(outcome.folder == scratch.path)
            let none = try pass.run([ImageSource(page)])
            #expect(try task.features(none)[0].shape == [0, 3] && none.folder == ".")
        }
        #expect(throws: DatasetError.self) {
            _ = try ImageSource.all(of: Dataset.table(name: "t", columns: ["a"], rows: [["x"]]))
        }
    }

    @Test func aFilmThatAnOperationRefusesIsNamed() throws {
        let scratch = try Scratch()
        let film = try scratch.film("strip.png", seed: 1)
        let task = AnswerTask(
            prepare: { try $0.resized(width: ImageLimits.side + 1, height: 1, filter: .bicubic).tensor() },
            answer: { _ in })
        let text = message { _ = try ImagePass([task], clipping: .counted).run([ImageSource(film)]) }
        #expect(text.contains("strip.png: resize: wanted sides"), "\(text)")
    }

    @Test func setsHaveTheirOwnRows() throws {
        let scratch = try Scratch()
        let images = try films(scratch, 5)
        let task = try EncoderTask(LevelsEncoder(), .exact)
        let pass = ImagePass([task], batch: 2, skipsBad: true, clipping: .refused)
        let gone = ImageSource(scratch.path + "/gone.png")
        let sets = [[images[0], gone, images[1]], [], [gone, images[4]]]
        let outcomes = try pass.run(sets: sets)
        #expect(outcomes.map(\.kept) == [[0, 2], [], [1]])
        #expect(outcomes.map { $0.skipped.map(\.index) } == [[1], [], [0]])
        #expect(
            try task.features(outcomes[0])[0].array(Float.self) == levels(images[0].path) + levels(images[1].path))
        #expect(try task.features(outcomes[2])[0].array(Float.self) == levels(images[4].path))
    }

    @Test func filmsThatTurnWhiteAreCountedOrRefused() throws {
        let scratch = try Scratch()
        let cache = FeatureCache(folder: scratch.path + "/cache") { Issue.record("\($0)") }
        let images = [
            try scratch.film("a.png", seed: 1), try scratch.deep("b.png", highest: 4095),
            try scratch.deep("c.png", highest: 255), try scratch.flat("d.png", 9),
        ].map { ImageSource($0) }
        // The second round finds the facts in the cache.
        for _ in 0..<2 {
            let store = FeatureStore(lasting: cache)
            let counted = try ImagePass([], clipping: ClippingPolicy(.chexgenbench), store: store).run(images)
            #expect(counted.kept.count == 4 && counted.clipped == [1] && counted.flat == [3])
            #expect(
                counted.note == "1 of 4 images have 16-bit samples that were cut to white at 255; "
                    + "1 of 4 images are of one grey level")
            var pass = ImagePass([], clipping: ClippingPolicy(.exact), store: store)
            let text = message { _ = try pass.run(images) }
            #expect(text.contains("1 of 4") && text.contains("b.png: its 16-bit samples reach 4095"), "\(text)")
            pass.skipsBad = true
            #expect(try pass.run(images).kept == [0, 2, 3])
        }
        #expect(try ImagePass([], clipping: .refused).run([images[0]]).note == nil)
        // An encoder that takes the whole range loses nothing of it, unless another sees the same images in 8 bits.
        let stretching = LevelsEncoder()
        stretching.cutsSamples = false
        let alone = try EncoderTask(stretching, .exact)
        let whole = try ImagePass([alone], clipping: .refused).run(images)
        #expect(whole.kept.count == 4 && whole.clipped.isEmpty)
        let both = ImagePass([alone, try EncoderTask(LevelsEncoder(), .exact)], clipping: .refused)
        #expect(message { _ = try both.run(images) }.contains("b.png: its 16-bit samples reach 4095"))
        let resized = try EncoderTask(stretching, .exact, first: FirstResize(width: 40, height: 40))
        #expect(try ImagePass([resized], clipping: .counted).run(images).clipped == [1])
    }

    @Test func flatPicturesHaveNoRadiomicsAndAreGoodForOthers() throws {
        let scratch = try Scratch()
        let images = [
            try scratch.film("a.png", seed: 1), try scratch.flat("b.png"), try scratch.film("c.png", seed: 2),
        ].map { ImageSource($0) }
        let radiomics = RadiomicsTask(RadiomicsSettings())
        let levels = try EncoderTask(LevelsEncoder(), .exact)
        let outcome = try ImagePass([levels, radiomics], clipping: .refused).run(images)
        #expect(outcome.kept.count == 3 && outcome.flat == [1])
        #expect(try levels.features(outcome)[0].shape == [3, 3])
        let table = try radiomics.table(outcome)
        #expect(table.count == 3 && table.unmeasured.keys.sorted() == [1])
        #expect(table.unmeasured[1]?.contains("b.png: radiomics: every pixel is 0") == true)
        #expect(outcome.refused(by: radiomics).map(\.row) == [1] && outcome.refused(by: levels).isEmpty)
        // Where no image has features, the table still has its columns.
        let none = try radiomics.table(ImagePass([radiomics], clipping: .refused).run([images[1]]))
        #expect(none.count == 1 && none.names == table.names && none.values.allSatisfy(\.isNaN))
    }

    @Test func aTaskThatGivesOtherRowsIsNamed() throws {
        final class Short: ImageTask {
            let identities: [FeatureIdentity?] = [nil, nil]
            func prepare(_ image: Image) throws -> Tensor { try image.tensor() }
            func compute(_ inputs: [PreparedImage]) throws -> [Tensor] {
                [try Tensor.zeros([inputs.count, 2]), try Tensor.zeros([inputs.count - 1, 2])]
            }
        }
        let scratch = try Scratch()
        let images = try films(scratch, 2)
        #expect(throws: TensorError.self) { try ImagePass([Short()], clipping: .counted).run(images) }
    }
}
