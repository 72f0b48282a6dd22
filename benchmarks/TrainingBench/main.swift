import CSupport
import Foundation
import NeuralNet
import Tensors
import Training

// Our side of the training benchmark: trains on a list of files and prints the loss and the images a second of each epoch.
// training-bench NETWORK WEIGHTS|- BATCH EPOCHS FILES.txt [PROBABILITIES.txt]; each line of FILES is a path and its labels.

cx_calm_threads(CommandLine.unsafeArgv)

func run() throws {
    let arguments = CommandLine.arguments
    guard arguments.count >= 6, let batch = Int(arguments[3]), let epochs = Int(arguments[4]) else {
        FileHandle.standardError.write(
            Data("usage: training-bench NETWORK WEIGHTS|- BATCH EPOCHS FILES.txt [OUT]\n".utf8))
        exit(2)
    }
    cx_set_threads(Int32(ProcessInfo.processInfo.environment["CHEXGEN_THREADS"] ?? "") ?? cx_threads())
    let lines = try String(contentsOfFile: arguments[5], encoding: .utf8).split(separator: "\n")
    let fields = lines.map { $0.split(separator: "\t").map(String.init) }
    let labels = fields.flatMap { $0.dropFirst().map { Float($0) ?? 0 } }
    let classes = (fields.first?.count ?? 1) - 1
    let images = try LabelledImages(
        paths: fields.map { $0[0] }, labels: Tensor(labels, shape: [fields.count, classes]))
    let classifier = try Classifier(
        arguments[1], classes: classes, weights: arguments[2] == "-" ? nil : arguments[2])
    var options = FitOptions()
    options.batch = batch
    options.epochs = epochs
    options.augment = false
    options.shuffle = false
    try classifier.fit(train: images, options) {
        print($0)
    } onEpoch: { report in
        print(report.epoch, report.trainLoss, Double(fields.count) / report.seconds)
        fflush(stdout)
    }
    if arguments.count > 6 {
        let rows = try classifier.predict(images.paths).array(Float.self)
        try rows.map { "\($0)" }.joined(separator: "\n").write(toFile: arguments[6], atomically: true, encoding: .utf8)
    }
}

do { try run() } catch {
    FileHandle.standardError.write(Data("training-bench: \(error)\n".utf8))
    exit(1)
}
