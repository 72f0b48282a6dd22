import CSupport
import Foundation
import Tensors
import Training

// Our side of the training benchmark and of the comparison with PyTorch. Each line of FILES is a path and its labels.
// training-bench serve NETWORK BATCH FILES: prints `ready`, then for every line that it reads trains an epoch, augmented,
//   and prints its seconds by the clock and of the processor.
// training-bench run NETWORK WEIGHTS BATCH EPOCHS FILES OUT: prints the loss of each epoch, without augmentation or
//   shuffling, and writes the probabilities behind it.

cx_calm_threads(CommandLine.unsafeArgv)

func images(_ file: String) throws -> LabelledImages {
    let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
    let fields = lines.map { $0.split(separator: "\t").map(String.init) }
    let labels = fields.flatMap { $0.dropFirst().map { Float($0) ?? 0 } }
    let classes = (fields.first?.count ?? 1) - 1
    return try LabelledImages(paths: fields.map { $0[0] }, labels: Tensor(labels, shape: [fields.count, classes]))
}

func serve(_ network: String, _ batch: Int, _ file: String) throws {
    let images = try images(file)
    let classifier = try Classifier(network, classes: images.labels.shape[1])
    var options = FitOptions()
    options.batch = batch
    options.epochs = 1
    try classifier.fit(train: images, options)
    print("ready")
    fflush(stdout)
    while readLine() != nil {
        let (start, used) = (DispatchTime.now().uptimeNanoseconds, clock())
        try classifier.fit(train: images, options)
        print(
            Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9, Double(clock() - used) / Double(CLOCKS_PER_SEC))
        fflush(stdout)
    }
}

func compare(_ arguments: [String], _ batch: Int, _ epochs: Int) throws {
    let images = try images(arguments[4])
    let classifier = try Classifier(arguments[0], classes: images.labels.shape[1], weights: arguments[1])
    var options = FitOptions()
    options.batch = batch
    options.epochs = epochs
    options.augment = false
    options.shuffle = false
    try classifier.fit(train: images, options, onEpoch: { print($0.epoch, $0.trainLoss) })
    let rows = try classifier.predict(images.paths).array(Float.self)
    try rows.map { "\($0)" }.joined(separator: "\n").write(toFile: arguments[5], atomically: true, encoding: .utf8)
}

do {
    let arguments = Array(CommandLine.arguments.dropFirst())
    cx_set_threads(Int32(ProcessInfo.processInfo.environment["CHEXGEN_THREADS"] ?? "") ?? cx_threads())
    if arguments.count == 4, arguments[0] == "serve", let batch = Int(arguments[2]) {
        try serve(arguments[1], batch, arguments[3])
    } else if arguments.count == 7, arguments[0] == "run", let batch = Int(arguments[3]), let epochs = Int(arguments[4])
    {
        try compare(Array(arguments.dropFirst()), batch, epochs)
    } else {
        FileHandle.standardError.write(
            Data("usage: training-bench serve NETWORK BATCH FILES | run NETWORK WEIGHTS BATCH EPOCHS FILES OUT\n".utf8))
        exit(2)
    }
} catch {
    FileHandle.standardError.write(Data("training-bench: \(error)\n".utf8))
    exit(1)
}
