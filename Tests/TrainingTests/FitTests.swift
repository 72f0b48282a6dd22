import Foundation
import Imaging
import Tensors
import Testing
import Training

/// Images that differ, as files in a folder of their own.
private func folder(_ count: Int) throws -> (path: String, images: LabelledImages) {
    let path = NSTemporaryDirectory() + "chexgen-training-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    var paths: [String] = []
    for index in 0..<count {
        let pixels = (0..<64 * 64).map { UInt8(truncatingIfNeeded: ($0 * (index + 3)) >> 4) }
        let file = path + "/\(index).png"
        try Image(width: 64, height: 64, mode: .gray, pixels: pixels).save(file)
        paths.append(file)
    }
    let labels = (0..<count * 2).map { Float($0 % 3 == 0 ? 1 : 0) }
    return (path, try LabelledImages(paths: paths, labels: Tensor(labels, shape: [count, 2])))
}

@Suite(.serialized) struct FitTests {
    @Test func resumedTrainingEqualsUninterrupted() throws {
        let (path, images) = try folder(5)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var options = FitOptions()
        options.batch = 3
        options.epochs = 2
        let whole = try Classifier("resnet18", classes: 2)
        let wanted = try whole.fit(train: images, options)
        options.checkpoint = path + "/state.safetensors"
        options.epochs = 1
        try Classifier("resnet18", classes: 2).fit(train: images, options)
        options.epochs = 2
        let resumed = try Classifier("resnet18", classes: 2)
        let got = try resumed.fit(train: images, options)
        #expect(got.map(\.trainLoss) == wanted.map(\.trainLoss))
        try whole.save(path + "/a.safetensors")
        try resumed.save(path + "/b.safetensors")
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: path + "/a.safetensors"))
                == Data(contentsOf: URL(fileURLWithPath: path + "/b.safetensors")))
        let loaded = try Classifier.load(path + "/a.safetensors").predict(images.paths)
        #expect(try loaded.array(Float.self) == whole.predict(images.paths).array(Float.self))
        options.seed = 1
        #expect(throws: TrainingError.self) { try resumed.fit(train: images, options) }
    }

    @Test func oneImageALargeBatchAndAnEmptyClassAreSaid() throws {
        let (path, all) = try folder(1)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let images = try LabelledImages(paths: all.paths, labels: Tensor([1 as Float, 0], shape: [1, 2]))
        var options = FitOptions()
        options.epochs = 1
        var notices: [String] = []
        try Classifier("resnet18", classes: 2).fit(train: images, options) { notices.append($0) }
        #expect(notices.count == 3)
    }

    @Test func aLossThatIsNoNumberNamesTheFiles() throws {
        let (path, all) = try folder(2)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var options = FitOptions()
        options.epochs = 1
        options.batch = 1
        options.shuffle = false
        options.learningRate = 1e30
        do {
            try Classifier("resnet18", classes: 2).fit(train: all, options)
            Issue.record("nothing was thrown")
        } catch let error as TrainingError {
            #expect(error.description.contains("batch 2") && error.description.contains("1.png"))
        }
    }
}
