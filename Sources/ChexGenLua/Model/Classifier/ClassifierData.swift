import Datasets
import LuaRuntime
import Runs
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

    /// The files of a Dataset or of a list of paths.
    static func paths(_ value: LuaValue, _ name: String, _ arguments: LuaArguments) throws -> [String] {
        switch value {
        case .object(let source as DatasetObject): return try source.dataset.imagePaths()
        case .table(let table) where table.fields.isEmpty:
            return try table.array.map { item in
                guard let path = item.stringValue else {
                    throw arguments.fail(name, "wanted paths, got \(item.kind) in the list")
                }
                return path
            }
        default: throw arguments.fail(name, "wanted a Dataset or a list of paths, got \(value.kind)")
        }
    }

    /// A Dataset with labels, or `{ paths, labels }` with a tensor `[N, classes]`.
    static func labelled(
        _ options: LuaArguments, _ name: String, _ policy: Policy, notice: (String) -> Void
    ) throws -> LabelledImages {
        switch options.value(name) {
        case .object(let source as DatasetObject):
            let labels = try source.dataset.labelsMatrix(uncertain: policy.uncertain, missing: policy.missing)
            notice(try policy.summary(name, source.dataset))
            return try LabelledImages(
                paths: source.dataset.imagePaths(), labels: labels, classNames: Pathologies.names)
        case .table(let table):
            let given =
                table.fields.isEmpty && table.array.count == 2 ? table.array : [table["paths"], table["labels"]]
            guard let labels = given[1].objectValue as? TensorObject else {
                throw options.fail(name, "wanted { paths, labels } with a Tensor of labels, got \(given[1].kind)")
            }
            return try LabelledImages(
                paths: paths(given[0], name, options), labels: labels.tensor.to(.f32))
        default:
            throw options.fail(
                name, "wanted a Dataset with labels or { paths, labels }, got \(options.value(name).kind)")
        }
    }

    /// Reads every file once, before anything is computed from it, and pins it to the run.
    /// - Returns: the files that are no images.
    static func look(
        at paths: [String], _ session: ScriptContext, label: String
    ) throws -> [FeatureExtraction.BadImage] {
        let progress = Runs.Progress(total: paths.count, label: label)
        defer { progress.finish() }
        let (good, bad) = try ImageCheck.look(at: paths) { progress.step($0) }
        try session.folder?.pin(files: good, under: EncoderMethods.commonFolder(good.map(\.path)))
        return bad.map { FeatureExtraction.BadImage(index: $0.index, path: paths[$0.index], reason: $0.reason) }
    }
}

extension LabelledImages {
    /// Without the rows, counted from 0, that are left out.
    func dropping(_ rows: Set<Int>) throws -> LabelledImages {
        if rows.isEmpty { return self }
        let kept = paths.indices.filter { !rows.contains($0) }
        let classes = labels.shape[1]
        let values = try labels.array(Float.self)
        return try LabelledImages(
            paths: kept.map { paths[$0] },
            labels: Tensor(kept.flatMap { values[$0 * classes..<($0 + 1) * classes] }, shape: [kept.count, classes]),
            classNames: classNames)
    }
}
