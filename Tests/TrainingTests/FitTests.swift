import Foundation
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
