import Checkpoints
import Encoders
import Engine
import EngineCPU
import Files
import Foundation
import Identity
import Language
import Tensors
import TestSupport
import Testing
import Training

@Suite struct TuningTests {
    private static let lengths = [(9, 6), (3, 11), (14, 9), (5, 20), (1, 7), (12, 4), (30, 2)]

    /// The texts of Tests/Parity/generators/language_tuning.py.
    private func texts(_ model: any LanguageModel) -> TuningSet {
        model.tuningSet(
            Self.lengths.enumerated().map { index, length in
                let ids = uniform("tuning.\(index)", [length.0 + length.1], 3, 90).map { Int($0) }
                return (prompt: Array(ids[..<length.0]), answer: Array(ids[length.0...]))
            })
    }

    private func reference(_ name: String = "llama") throws -> ReferenceModel {
        try #require(ReferenceModel.all.first { $0.name == name })
    }

    private func options() -> TuningOptions {
        var options = TuningOptions()
        (options.adapter.rank, options.adapter.alpha, options.adapter.dropout) = (8, 16, 0.3)
        (options.epochs, options.batch, options.accumulation, options.learningRate) = (3, 2, 2, 2e-3)
        return options
    }

    /// Losses, norms and the first gradients, in f64 there: with blocks that run again, and without, to the same bits.
    @Test(arguments: ["llama", "neox", "gemma2"]) func trainingEqualsPeft(name: String) throws {
        let expected = try #require(JSON.read(Places.fixtures("language/tuning.json"))[name])
        func wanted(_ key: String) throws -> [Double] { try #require(expected[key]?.array).compactMap(\.number) }
        let folder = try reference(name).folder()
        var options = options()
        options.adapter.dropout = 0
        (options.epochs, options.warmup, options.clipNorm, options.shuffle) = (10, 0.13, 0.5, false)
        // A start by formula, in peft's layout.
        let fresh = try opened(folder).trainer(options)
        let start = try Scratch()
        try LoRA.write(
            start.path,
            fresh.values().adapter.map { matrix in
                let shape = matrix.tensor.shape
                let bound = matrix.name.contains("lora_B") ? 0.1 : Float(1 / Double(shape[1]).squareRoot())
                return (
                    name: matrix.name,
                    tensor: try Tensor(uniform(name + "." + matrix.name, shape, -bound, bound), shape: shape)
                )
            }, rank: 8, alpha: 16, dropout: 0, base: folder.path)
        options.start = start.path
        var found: [[Float]] = []
        for isCheckpointing in [true, false] {
            options.isCheckpointing = isCheckpointing
            let model = try opened(folder)
            let trainer = try model.trainer(options)
            var gradients: [String: Double] = [:]
            let history = try trainer.fit(
                train: texts(model), onStep: { if $0.step == 1 { gradients = try trainer.gradientNorms() } })
            for (tensor, norm) in try #require(expected["gradients"]?.object) {
                let (own, theirs) = (gradients[tensor] ?? 0, norm.number ?? 0)
                #expect(theirs > 0 && abs(own - theirs) < 1e-4 * theirs, "\(name) \(tensor): \(own), \(theirs)")
            }
            for (key, own) in [
                ("losses", history.steps.map(\.loss)), ("norms", history.steps.map(\.gradientNorm)),
                ("rates", history.steps.map(\.learningRate)),
            ] {
                let theirs = try wanted(key)
                let error = zip(own, theirs).map { abs($0 - $1) / max($1, 1e-12) }.max() ?? 1
                #expect(own.count == 20 && error < (key == "rates" ? 1e-9 : 1e-4), "\(name) \(key): \(error)")
            }
            #expect(history.epochs.map(\.epoch) == Array(1...10))
            found.append(try trainer.values().adapter.flatMap { try $0.tensor.array(Float.self) })
        }
        #expect(found[0] == found[1])
    }

    /// Masks of dropout are the same in both runs of a block, and a training that ended in the middle goes on to the same bits.
    @Test func interruptedTrainingGoesOnToTheSameBits() throws {
        struct Stop: Error {}
        let folder = try reference().folder()
        var options = options()
        func trained(stopAt: Int? = nil, _ path: String? = nil) throws -> (values: [Float], history: TuningHistory)? {
            options.checkpoint = path
            let model = try opened(folder)
            let trainer = try model.trainer(options)
            do {
                let history = try trainer.fit(
                    train: texts(model), validation: texts(model).part(0.3, seed: 1),
                    onStep: { if $0.step == stopAt { throw Stop() } })
                return (try trainer.values().adapter.flatMap { try $0.tensor.array(Float.self) }, history)
            } catch is Stop {
                return nil
            }
        }
        let whole = try #require(try trained())
        options.isCheckpointing = false
        #expect(try trained()?.values == whole.values)
        options.isCheckpointing = true
        options.seed = 43
        #expect(try trained()?.values != whole.values)
        options.seed = 42
        options.checkpointEvery = 1
        for stop in 1...5 {
            let path = folder.path + "/\(stop).safetensors"
            #expect(try trained(stopAt: stop, path) == nil)
            let resumed = try #require(try trained(stopAt: nil, path))
            #expect(resumed.values == whole.values, "stopped at \(stop)")
            #expect(resumed.history.steps.map(\.loss) == whole.history.steps.map(\.loss))
            #expect(resumed.history.epochs.map(\.validationLoss) == whole.history.epochs.map(\.validationLoss))
            #expect(resumed.history.epochs.map(\.trainLoss) == whole.history.epochs.map(\.trainLoss))
        }
        // A checkpoint of another training.
        let path = folder.path + "/1.safetensors"
        func fault(_ change: (inout TuningOptions) -> Void, set: ClosedRange<Int>? = nil) -> String {
            var other = options
            other.checkpoint = path
            change(&other)
            return message {
                let model = try opened(folder)
                let whole = texts(model)
                _ = try model.trainer(other).fit(train: set == nil ? whole : whole.part(0.5, seed: 3))
            }
        }
        #expect(fault { $0.learningRate = 1 }.contains("learning rate 1.0"))
        #expect(fault({ _ in }, set: 0...2).contains("other texts"))
        let weights = try Checkpoint.open(folder.path + "/model.safetensors")
        try SafeTensors.write(
            path, [(name: "x", tensor: weights["model.norm.weight"])])
        #expect(fault { _ in }.contains("not a checkpoint of a fine-tuning"))
    }

    /// What was trained is what the model then writes with, and what the saved folder holds.
    @Test(arguments: ["llama", "llama_tied", "neox", "gemma2"]) func theModelTakesWhatItLearned(name: String) throws {
        let folder = try reference(name).folder()
        let model = try opened(folder)
        let before = try model.logits(ReferenceModel.ids()).array(Float.self)
        var options = options()
        (options.epochs, options.accumulation, options.learningRate) = (8, 1, 5e-3)
        let trainer = try model.trainer(options)
        let set = texts(model)
        let first = try trainer.loss(set)
        let history = try trainer.fit(train: set)
        let last = try trainer.loss(set)
        #expect(last < first - 0.5 && history.steps.count == 32, "\(name): \(first) to \(last)")
        #expect(try model.logits(ReferenceModel.ids()).array(Float.self) == before)
        let tuned = try model.take(trainer)
        let after = try model.logits(ReferenceModel.ids()).array(Float.self)
        #expect(relativeError(after, before) > 0.05)
        try tuned.save(folder.path + "/adapter")
        let again = try opened(folder)
        _ = try Adapter.apply(
            [Adapter(folder.path + "/adapter")], to: [AdaptedPart("language", #require(again.loaded))])
        #expect(try again.logits(ReferenceModel.ids()).array(Float.self) == after)
        // In bf16 weights are read as they lie, and training is f32 all the same.
        let config = try JSON.read(folder.path + "/adapter/adapter_config.json")
        #expect(config["r"] == .integer(8) && config["lora_alpha"] == .integer(16))
        // Training goes on from the folder.
        options.start = folder.path + "/adapter"
        #expect(abs(try opened(folder).trainer(options).loss(set) - last) < 1e-6)
    }

    /// Training begins with what a saved adapter adds to the weights, whatever either's scale is.
    @Test func aStartIsTheFunctionThatWasSaved() throws {
        let folder = try reference().folder()
        let model = try opened(folder)
        let set = texts(model)
        var options = options()
        (options.epochs, options.learningRate) = (2, 5e-3)
        let trainer = try model.trainer(options)
        _ = try trainer.fit(train: set)
        let place = folder.path + "/adapter"
        try model.take(trainer).save(place)
        /// The loss of the model that was opened with the adapter.
        func loss() throws -> Double {
            let model = try opened(folder)
            _ = try Adapter.apply([Adapter(place)], to: [AdaptedPart("language", #require(model.loaded))])
            options.start = nil
            return try model.trainer(options).loss(set)
        }
        let saved = try loss()
        for alpha in [16, 64, 10] as [Double] {
            (options.start, options.adapter.alpha) = (place, alpha)
            #expect(abs(try opened(folder).trainer(options).loss(set) - saved) < 1e-5, "\(alpha)")
        }
        // The file may have another rule for its scale.
        let config = try JSON.read(place + "/adapter_config.json").object ?? []
        try folder.write(
            "adapter/adapter_config.json",
            JSON.object(config.filter { $0.key != "use_rslora" } + [("use_rslora", .boolean(true))]).text())
        let rooted = try loss()
        (options.start, options.checkpoint) = (place, folder.path + "/checkpoint.safetensors")
        let further = try opened(folder).trainer(options)
        #expect(try abs(further.loss(set) - rooted) < 1e-5 && abs(rooted - saved) > 1e-3, "\(rooted), \(saved)")
        #expect(
            Set(further.startFiles.map { Paths.name($0.file) }) == ["adapter_model.safetensors", "adapter_config.json"])
        // A checkpoint belongs to the start that it had, not to its name.
        _ = try further.fit(train: set)
        #expect(try opened(folder).trainer(options).fit(train: set).steps.count == 4)
        try folder.write("adapter/adapter_config.json", JSON.object(config).text())
        #expect(message { _ = try opened(folder).trainer(options).fit(train: set) }.contains("start "))
    }

    @Test func weightsOfEveryDtypeTrain() throws {
        let source = try reference().folder()
        let weights = try Checkpoint.open(source.path + "/model.safetensors")
        var losses: [Double] = []
        for dtype in [DType.f32, .bf16, .f16] {
            let folder = try reference().folder()
            try SafeTensors.write(
                folder.path + "/model.safetensors", weights.names.map { ($0, try weights[$0].to(dtype)) })
            let model = try opened(folder, .bf16)
            let history = try model.trainer(options()).fit(train: texts(model))
            losses.append(try #require(history.steps.last?.loss))
        }
        #expect(abs(losses[1] - losses[0]) < 0.05 && abs(losses[2] - losses[0]) < 0.01, "\(losses)")
    }

    /// A model is not trained elsewhere than where it was opened, without a word.
    @Test func aDeviceThatDoesNotTrainSaysSo() throws {
        let folder = try reference().folder()
        let kind = try #require(DeviceKind(rawValue: "abacus"))
        let model = try LanguageRegistry.standard.open(
            folder.path, dtype: .f32, on: Device(kind) { try CPUExecutor(dtype: $0) })
        #expect(message { _ = try model.trainer(options()) }.contains("abacus does not train"))
    }

    @Test func faultsAreNamed() throws {
        let folder = try reference().folder()
        let model = try opened(folder)
        let set = texts(model)
        func fault(_ train: TuningSet? = nil, _ change: (inout TuningOptions) -> Void = { _ in }) -> String {
            var options = options()
            change(&options)
            return message { _ = try model.trainer(options).fit(train: train ?? set) }
        }
        #expect(fault(model.tuningSet([])).contains("without texts"))
        #expect(fault { $0.adapter.rank = 0 }.contains("rank"))
        #expect(fault { $0.adapter.dropout = 1 }.contains("dropout"))
        #expect(fault { $0.learningRate = .nan }.contains("learning_rate"))
        #expect(fault { $0.warmup = 2 }.contains("warmup"))
        #expect(fault { $0.start = folder.path + "/model.safetensors" }.contains("the file is no LoRA"))
        #expect(fault { ($0.learningRate, $0.warmup, $0.epochs) = (1e30, 0, 20) }.contains("lower the learning rate"))
        #expect(fault { $0.maximumLength = 8 }.contains("max_length 8"))
        #expect(fault(model.tuningSet([(prompt: [5], answer: [90])])).contains("90"))
        // The last of many texts has nothing to learn: that is told before the first step.
        let late = model.tuningSet(
            [(prompt: [Int], answer: [Int])](repeating: ([5, 6], [7]), count: 9) + [
                ([Int](repeating: 5, count: 30), [7])
            ])
        #expect(
            message {
                var options = self.options()
                (options.maximumLength, options.shuffle) = (25, false)
                _ = try model.trainer(options).fit(train: late, onStep: { _ in Issue.record("a step was made") })
            }.contains("train, text 10: nothing is left to learn of its 31 tokens within max_length 25"))
        // Longer texts are cut with a notice, and learn what their beginning says.
        var notices: [String] = []
        var short = self.options()
        (short.maximumLength, short.epochs) = (20, 1)
        let long = model.tuningSet([(prompt: [3], answer: (0..<40).map { 3 + $0 % 80 })])
        _ = try model.trainer(short).fit(train: long, onNotice: { notices.append($0) })
        #expect(notices.contains { $0.contains("41 tokens") && $0.contains("20") }, "\(notices)")
        #expect(
            TuningExample(prompt: [3, 4], answer: [5, 6, 7]).prefix(3).parts.count == 2
                && TuningExample(prompt: [3, 4], answer: [5, 6, 7]).prefix(4).learnedCount == 2)
        // Matrices of another rank.
        var other = short
        other.adapter.rank = 4
        let start = folder.path + "/start.safetensors"
        try SafeTensors.write(start, model.trainer(other).values().adapter)
        #expect(fault { $0.start = start }.contains("of another model or rank"))
    }

    @Test func partsOfASetLieInEachOther() throws {
        let set = TuningSet(count: 200, fingerprint: "x") { TuningExample(prompt: [$0], answer: [1]) }
        func rows(_ part: TuningSet) throws -> Set<Int> {
            Set(
                try (0..<part.count).map { index in
                    guard case .ids(let ids, _)? = try part.example(index).parts.first else { return -1 }
                    return ids[0]
                })
        }
        let (small, half) = (set.part(0.1, seed: 4), set.part(0.5, seed: 4))
        #expect(small.count == 20 && half.count == 100 && set.part(1, seed: 4).count == 200)
        #expect(try rows(small).isSubset(of: rows(half)) && small.fingerprint != half.fingerprint)
        #expect(try rows(set.part(0.1, seed: 5)) != rows(small))
    }
}
