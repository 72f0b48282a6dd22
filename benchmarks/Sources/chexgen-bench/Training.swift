import Foundation
import Tensors
import Training

/// `NETWORK BATCH FILES`: an epoch over the images of a file whose lines are a path and its labels, augmented.
func benchTraining(_ arguments: [String]) throws {
    guard arguments.count == 3, let batch = Int(arguments[1]) else { throw Usage() }
    let lines = try String(contentsOfFile: arguments[2], encoding: .utf8).split(separator: "\n")
    let fields = lines.map { $0.split(separator: "\t").map(String.init) }
    let labels = fields.flatMap { $0.dropFirst().map { Float($0) ?? 0 } }
    let classes = (fields.first?.count ?? 1) - 1
    let images = try LabelledImages(
        paths: fields.map { $0[0] }, labels: Tensor(labels, shape: [fields.count, classes]))
    let classifier = try Classifier(arguments[0], classes: classes)
    var options = FitOptions()
    (options.batch, options.epochs) = (batch, 1)
    try classifier.fit(train: images, options)
    try serve {
        try classifier.fit(train: images, options)
        return []
    }
}
