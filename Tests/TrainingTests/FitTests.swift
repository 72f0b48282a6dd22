import Engine
import EngineCPU
import Files
import Foundation
import Identity
import Imaging
import Tensors
import TestSupport
import Testing
import Training

/// Labelled images that differ, as files in a folder of their own.
private struct Films {
    let scratch: Scratch
    let images: LabelledImages

    init(_ count: Int) throws {
        let scratch = try Scratch()
        let paths = try (0..<count).map { index in
            let pixels = (0..<64 * 64).map { UInt8(truncatingIfNeeded: ($0 * (index + 3)) >> 4) }
            let file = scratch.path + "/\(index).png"
            try Image(width: 64, height: 64, mode: .gray, pixels: pixels).save(file)
            return file
        }
        let labels = (0..<count * 2).map { Float($0 % 3 == 0 ? 1 : 0) }
        images = try LabelledImages(paths: paths, labels: Tensor(labels, shape: [count, 2]))
        self.scratch = scratch
    }
}

@Suite(.serialized) struct FitTests {
    /// Two epochs are PyTorch's: Tests/Parity/generators/training_epochs.py. Adam divides small gradients by their own size, so
    /// that rounding shows; PyTorch's own training in f32 is off its own in f64 by 3e-3.
    @Test(arguments: [
        ("adam", OptimizerKind.adam(weightDecay: 1e-5), 1e-2), ("sgd", .sgd(momentum: 0.9, weightDecay: 0.1), 2e-4),
    ])
    func epochsEqualPyTorch(name: String, optimizer: OptimizerKind, tolerance: Double) throws {
        let expected = try JSON.read(Places.fixtures("training/epochs.json"))
        func wanted(_ key: String) throws -> [Double] {
            try #require(expected[name]?[key]?.array).compactMap(\.number)
        }
        let films = try Films(7)
        let weights = films.scratch.path + "/weights.safetensors"
        try writeFormulaWeights("resnet18", classes: 2, to: weights)
        var labels = try films.images.labels.array(Float.self)
        labels[2] = .nan
        func set(_ rows: Range<Int>) throws -> LabelledImages {
            try LabelledImages(
                paths: Array(films.images.paths[rows]),
                labels: Tensor(Array(labels[rows.lowerBound * 2..<rows.upperBound * 2]), shape: [rows.count, 2]))
        }
        var options = FitOptions()
        (options.batch, options.epochs, options.augment, options.shuffle) = (3, 2, false, false)
        options.optimizer = optimizer
        let classifier = try Classifier("resnet18", classes: 2, weights: weights)
        let reports = try classifier.fit(train: set(0..<5), validation: set(5..<7), options)
        func check(_ found: [Double], _ key: String) throws {
            let theirs = try wanted(key)
            #expect(relativeError(found, theirs) < tolerance, "\(name), \(key): \(found), wanted \(theirs)")
        }
        try check(reports.map(\.trainLoss), "train")
        try check(reports.compactMap(\.validationLoss), "validation")
        let found = try classifier.predict(films.images.paths).array(Float.self)
        // A probability's logit, but for those that round to 1.
        try check(found.map { log(Double($0)) - log1p(-Double($0)) }, "logits")
    }

    @Test func resumedTrainingEqualsUninterrupted() throws {
        let films = try Films(5)
        let (scratch, images) = (films.scratch, films.images)
        var options = FitOptions()
        options.batch = 3
        options.epochs = 2
        let whole = try Classifier("resnet18", classes: 2)
        let wanted = try whole.fit(train: images, options)
        options.checkpoint = scratch.path + "/state.safetensors"
        options.epochs = 1
        try Classifier("resnet18", classes: 2).fit(train: images, options)
        options.epochs = 2
        let resumed = try Classifier("resnet18", classes: 2)
        let got = try resumed.fit(train: images, options)
        #expect(got.map(\.trainLoss) == wanted.map(\.trainLoss))
        try whole.save(scratch.path + "/a.safetensors")
        try resumed.save(scratch.path + "/b.safetensors")
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/a.safetensors"))
                == Data(contentsOf: URL(fileURLWithPath: scratch.path + "/b.safetensors")))
        let loaded = try Classifier.load(scratch.path + "/a.safetensors").predict(images.paths)
        #expect(try loaded.array(Float.self) == whole.predict(images.paths).array(Float.self))
        options.seed = 1
        #expect(throws: TrainingError.self) { try resumed.fit(train: images, options) }
    }

    /// On a device that records nothing a classifier predicts, and says that it cannot be trained there before it reads a film.
    @Test func aDeviceThatDoesNotTrainSaysSo() throws {
        let kind = try #require(DeviceKind(rawValue: "abacus"))
        let classifier = try Classifier(
            "resnet18", classes: 2, on: Device(kind) { try CPUExecutor(dtype: $0) })
        let films = try Films(1)
        #expect(try classifier.predict(films.images.paths).shape == [1, 2])
        let missing = try LabelledImages(paths: ["nowhere.png"], labels: Tensor([1 as Float, 0], shape: [1, 2]))
        let found = message { try classifier.fit(train: missing) }
        #expect(found.contains("abacus does not train") && found.contains("cpu"), "\(found)")
    }

    @Test func oneImageALargeBatchAndAnEmptyClassAreSaid() throws {
        let films = try Films(1)
        let images = try LabelledImages(paths: films.images.paths, labels: Tensor([1 as Float, 0], shape: [1, 2]))
        var options = FitOptions()
        options.epochs = 1
        var notices: [String] = []
        try Classifier("resnet18", classes: 2).fit(train: images, options) { notices.append($0) }
        #expect(notices.count == 3)
    }

    @Test func aLossThatIsNoNumberNamesTheFiles() throws {
        let films = try Films(2)
        var options = FitOptions()
        options.epochs = 1
        options.batch = 1
        options.shuffle = false
        options.learningRate = 1e30
        do {
            try Classifier("resnet18", classes: 2).fit(train: films.images, options)
            Issue.record("nothing was thrown")
        } catch let error as TrainingError {
            #expect(error.description.contains("batch 2") && error.description.contains("1.png"))
        }
    }
}
