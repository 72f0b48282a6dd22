import Datasets
import Evaluation
import LuaRuntime
import Tensors
import Training

/// What scripts give to classifiers: images with or without labels.
enum ClassifierData {
    /// What stands for labels that are neither 0 nor 1; NaN leaves them out of the loss, nil makes them an error.
    struct Policy {
        var uncertain: Float?
        var missing: Float?

        init(_ options: LuaArguments) throws {
            func value(_ name: String) throws -> Float? {
                guard options.has(name) else { return nil }
                if options.value(name).stringValue != nil { return .nan }
                let number = try options.number(name)
                guard (0...1).contains(number) else {
                    throw options.fail(name, "wanted 0 to 1 or \"ignore\", got \(number)")
                }
                return Float(number)
            }
            uncertain = try value("uncertain")
            missing = try value("missing")
        }

        static let parameters = [
            LuaParameter(
                "uncertain", .oneOf([.number, .choice(["ignore"])]), optional: true,
                "What -1 becomes in the labels of a Dataset: 0 to 1, or `ignore` to leave it out of the loss. Without it -1 "
                    + "is an error."),
            LuaParameter(
                "missing", .oneOf([.number, .choice(["ignore"])]), optional: true,
                "The same for labels that are not mentioned."),
        ]

        /// How often it was needed, in a sentence.
        func summary(_ set: String, _ dataset: Dataset) throws -> String {
            func word(_ value: Float?) -> String {
                guard let value else { return "an error" }
                return value.isNaN ? "ignored" : value == value.rounded() ? "\(Int(value))" : "\(value)"
            }
            let counts = try dataset.labelCounts()
            let uncertain = counts.reduce(0) { $0 + $1.uncertain }
            let missing = counts.reduce(0) { $0 + $1.notMentioned }
            let positive = counts.reduce(0) { $0 + $1.positive }
            return "\(set): \(dataset.count) images, \(positive) positive labels; \(uncertain) uncertain ones are "
                + "\(word(self.uncertain)), \(missing) not mentioned are \(word(self.missing))"
        }
    }

    /// A Dataset with labels, or `{ paths, labels }` with a tensor `[N, classes]`: the images, and the same as the
    /// classifier takes them.
    static func labelled(
        _ options: LuaArguments, _ name: String, _ policy: Policy, notice: (String) -> Void
    ) throws -> (sources: [ImageSource], images: LabelledImages) {
        switch options.value(name) {
        case .object(let source as DatasetObject):
            let labels = try source.dataset.labelsMatrix(uncertain: policy.uncertain, missing: policy.missing)
            notice(try policy.summary(name, source.dataset))
            let sources = try ImageSource.all(of: source.dataset)
            return (
                sources,
                try LabelledImages(paths: sources.map(\.path), labels: labels, classNames: Pathologies.names)
            )
        case .table(let table):
            let given =
                table.fields.isEmpty && table.array.count == 2 ? table.array : [table["paths"], table["labels"]]
            guard let labels = given[1].objectValue as? TensorObject else {
                throw options.fail(name, "wanted { paths, labels } with a Tensor of labels, got \(given[1].kind)")
            }
            let sources = try ImageArguments.sources(given[0], name, options)
            return (sources, try LabelledImages(paths: sources.map(\.path), labels: labels.tensor.to(.f32)))
        default:
            throw options.fail(
                name, "wanted a Dataset with labels or { paths, labels }, got \(options.value(name).kind)")
        }
    }
}
