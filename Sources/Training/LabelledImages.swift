import Files
import Tensors

/// Images by path with their labels, `[N, classes]` f32.
public struct LabelledImages {
    /// The files.
    public let paths: [String]
    /// 0 … 1 for each class; NaN where losses shall leave the cell out.
    public let labels: Tensor
    /// What the classes are called in notices; empty where they have no names.
    public let classNames: [String]

    /// - Throws: `TensorError.shape` where there is not a row of f32 labels for each path, `.value` for a label that is
    ///   neither 0 … 1 nor NaN.
    public init(paths: [String], labels: Tensor, classNames: [String] = []) throws {
        guard labels.rank == 2, labels.shape[0] == paths.count, labels.dtype == .f32 else {
            throw TensorError.shape(
                operation: "labelled images",
                message: "wanted f32 labels [\(paths.count), classes], got \(labels.dtype) \(Tensor.text(labels.shape))"
            )
        }
        self.paths = paths
        self.labels = try labels.contiguous()
        self.classNames = classNames
        let classes = labels.shape[1]
        let values = try self.labels.array(Float.self)
        if let wrong = values.firstIndex(where: { !$0.isNaN && !(0...1).contains($0) }) {
            throw TensorError.value(
                operation: "labelled images",
                message: "wanted labels of 0 to 1, got \(values[wrong]) for \(paths[wrong / classes])")
        }
    }

    /// Some rows, counted from 0, in the order given.
    public func rows(_ chosen: [Int]) throws -> LabelledImages {
        let classes = labels.shape[1]
        let values = try labels.array(Float.self)
        return try LabelledImages(
            paths: chosen.map { paths[$0] },
            labels: Tensor(
                chosen.flatMap { values[$0 * classes..<($0 + 1) * classes] }, shape: [chosen.count, classes]),
            classNames: classNames)
    }

    /// A hash of the files and of the labels, in order: what must be equal for training to go on. A file counts by its bytes where
    /// they were read before, and else by its name.
    func fingerprint(_ images: PreparedImages) throws -> String {
        let files = paths.map { images.sha256($0) ?? String($0.split(separator: "/").last ?? "") }
        let names = SHA256.hex(of: files.joined(separator: "\n"))
        let values = try labels.array(Float.self).withUnsafeBytes { SHA256.hex(of: $0) }
        return SHA256.hex(of: names + values)
    }

    /// How notices call a class, counted from 0.
    func className(_ index: Int) -> String {
        index < classNames.count ? classNames[index] : "class \(index + 1)"
    }
}
