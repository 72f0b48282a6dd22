import Evaluation
import Identity
import LuaRuntime
import Runs
import Tensors

/// What functions that go over images have in common: which images, and how.
package enum ImageArguments {
    static let onBadImage = LuaParameter(
        "on_bad_image", .choice(["stop", "skip"]), default: .string("stop"),
        "What to do with images that cannot be used, and rows without one: an error with the list of them, or leaving "
            + "them out.")
    static let batch = LuaParameter("batch", .integer, default: .integer(16), "Images a batch.")
    static func label(_ text: String) -> LuaParameter {
        LuaParameter("label", .string, default: .string(text), "What the progress bar says; none is drawn where empty.")
    }
    /// The protocol of what is done to images before a network sees them.
    package static let way = LuaParameter(
        "protocol", .choice(Protocol.allCases.map(\.rawValue)), default: .string(Protocol.exact.rawValue),
        "How images become the network's input; see `docs/protocols.md`. `exact` refuses 16-bit images that 8 bits would "
            + "cut to white.")

    /// The images of a Dataset or of a list of paths.
    static func sources(_ arguments: LuaArguments, _ name: String) throws -> [ImageSource] {
        try sources(arguments.value(name), name, arguments)
    }

    /// The images that a value of the argument `name` stands for.
    static func sources(_ value: LuaValue, _ name: String, _ arguments: LuaArguments) throws -> [ImageSource] {
        switch value {
        case .object(let source as DatasetObject): return try ImageSource.all(of: source.dataset)
        case .table(let table) where table.fields.isEmpty:
            return try table.array.map { item in
                guard let path = item.stringValue else {
                    throw arguments.fail(name, "wanted paths, got \(item.kind) in the list")
                }
                return ImageSource(path)
            }
        default:
            throw arguments.fail(name, "wanted a Dataset or a list of paths, got \(value.kind)")
        }
    }

    /// Images a batch, 1 to 4096.
    static func batch(_ options: LuaArguments) throws -> Int {
        let batch = try options.integer("batch")
        guard (1...4096).contains(batch) else { throw options.fail("batch", "wanted 1 to 4096, got \(batch)") }
        return batch
    }

    /// The option `protocol`.
    package static func way(_ options: LuaArguments) throws -> Protocol {
        Protocol(rawValue: try options.string("protocol")) ?? .exact
    }

    /// Bad images for Lua: `index` from 1, `path` and `reason` of each.
    static func lua(_ images: [BadImage]) -> LuaValue {
        let rows = images.map { image in
            LuaValue.fields([
                ("index", .integer(image.index + 1)), ("path", .string(image.path)), ("reason", .string(image.reason)),
            ])
        }
        return .table(LuaTable(array: rows))
    }

    /// Rows counted from 0 as an i64 tensor of rows from 1.
    static func rows(_ rows: [Int]) throws -> LuaValue {
        .tensor(try Tensor(rows.map { Int64($0 + 1) }, shape: [rows.count]))
    }
}

extension ScriptContext {
    /// Where results of passes over images are kept.
    var store: FeatureStore {
        FeatureStore(lasting: cache, runFolder: folder?.path) { Console.shared.line($0) }
    }

    /// Goes over images with a progress bar, with `on_bad_image` of a call's options; the run that is going on pins every
    /// file that was used. What a reader of the results must know of the images is noted.
    func run(
        _ tasks: [any ImageTask], over images: [ImageSource], _ options: LuaArguments, clipping: ClippingPolicy,
        batch: Int = 16, label: String
    ) throws -> ImagePass.Outcome {
        try run(
            tasks, over: images, skipsBad: options.string("on_bad_image") == "skip", clipping: clipping, batch: batch,
            label: label)
    }

    /// As the other.
    package func run(
        _ tasks: [any ImageTask], over images: [ImageSource], skipsBad: Bool, clipping: ClippingPolicy, batch: Int = 16,
        label: String
    ) throws -> ImagePass.Outcome {
        let pass = ImagePass(tasks, batch: batch, skipsBad: skipsBad, clipping: clipping, store: store)
        let outcome = try run(pass, over: [images], label: label)[0]
        if let text = outcome.note { note(text) }
        return outcome
    }

    /// Runs a pass over several sets of images with a progress bar, and pins each set.
    func run(_ pass: ImagePass, over sets: [[ImageSource]], label: String) throws -> [ImagePass.Outcome] {
        let progress = label.isEmpty ? nil : Runs.Progress(total: sets.reduce(0) { $0 + $1.count }, label: label)
        defer { progress?.finish() }
        let outcomes = try pass.run(sets: sets) { progress?.step($0) }
        for outcome in outcomes { try folder?.pin(files: outcome.files, under: outcome.folder) }
        return outcomes
    }
}
