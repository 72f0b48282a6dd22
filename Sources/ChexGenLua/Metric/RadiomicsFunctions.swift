import Datasets
import Evaluation
import Files
import Identity
import Imaging
import LuaRuntime
import Metrics
import Radiomics
import Runs
import Tensors

/// A table of radiomic features as Lua holds it.
final class RadiomicsTableObject: LuaExternalBytes {
    let table: RadiomicsTable
    /// What the features depend on beside the images.
    let settings: String
    /// The images that were left out when it was made.
    let skipped: [BadImage]
    /// Rows whose 16-bit samples were cut to white, and rows of one grey level.
    let clipped, flat: [Int]

    init(_ table: RadiomicsTable, settings: String) {
        self.table = table
        self.settings = settings
        (skipped, clipped, flat) = ([], [], [])
    }

    /// The table of a pass, with the images that were left out where nothing else tells of them.
    init(_ task: RadiomicsTask, _ outcome: ImagePass.Outcome, skipped: [BadImage] = []) throws {
        table = try task.table(outcome)
        settings = task.settings.shortIdentity
        self.skipped = skipped
        (clipped, flat) = (outcome.clipped, outcome.flat)
    }

    var externalBytes: Int { table.values.count * 8 }

    /// The features as metrics take them.
    var features: FeatureTable {
        get throws {
            try FeatureTable(
                names: table.names, paths: table.paths, values: table.values, unmeasured: table.unmeasured)
        }
    }

    /// What the features depend on: the reference's are computed with in f32.
    func identity(_ way: Protocol) -> FeatureIdentity {
        FeatureIdentity(
            encoder: "radiomics", source: .formula, preprocessing: settings, output: "features",
            dtype: way == .exact ? "f64" : "f32")
    }
}

/// `metric.radiomics`, `metric.radiomics_table`, `metric.load_radiomics` and `metric.frd`.
enum RadiomicsFunctions {
    private static let settingsOption = LuaParameter(
        "settings", .oneOf([.string, .table]), optional: true,
        "pyradiomics' parameters, its own keys: a YAML file or a table; the reference's where absent.")
    static func all(_ session: ScriptContext) -> [LuaFunctionDeclaration] {
        [radiomics(session), table(session), load(session), distance(session)]
    }

    private static func radiomics(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "radiomics",
            [
                LuaParameter(
                    "image", .oneOf([.string, .object("Image"), .object("Tensor")]), "A path, an image, or `[H, W]`."),
                MetricModule.options([settingsOption]),
            ],
            returns: [
                LuaResult("names", .list(.string), "385 names with the reference's settings, in pyradiomics' order."),
                LuaResult("values", .object("Tensor"), "f64, one a name."),
            ],
            "The radiomic features of an image as pyradiomics 3.0.1 computes them for a slice (spacing 1 mm, the whole image "
                + "but its first pixel as mask). LoG is left out, as pyradiomics does for one slice.",
            example: "local names, values = metric.radiomics(\"film.png\")"
        ) { arguments in
            let settings = try settings(of: arguments.options("options"), "settings", session) ?? RadiomicsSettings()
            let extractor = RadiomicsExtractor(settings)
            let features: RadiomicsFeatures
            switch arguments.value("image") {
            case .string(let path): features = try extractor.features(Image.load(session.input(path)))
            case .object(let object as ImageObject): features = try extractor.features(object.image)
            default: features = try extractor.features(arguments.tensor("image"))
            }
            return [
                .list(settings.featureNames),
                .tensor(try Tensor(features.values, shape: [features.values.count])),
            ]
        }
    }

    private static func table(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "radiomics_table",
            [
                LuaParameter("images", .oneOf([.object("Dataset"), .list(.string)]), "A Dataset or a list of paths."),
                MetricModule.options([settingsOption, StatisticOptions.way, ImageArguments.onBadImage]),
            ],
            returns: [
                LuaResult("table", .object("RadiomicsTable"), "A row an image; NaN for an image without features.")
            ],
            "The radiomic features of many images, in parallel. They are kept in the cache, by the bytes of the file. `exact` "
                + "refuses 16-bit images that 8 bits would cut to white."
        ) { arguments in
            [.object(try measure(arguments, "images", arguments.options("options"), session))]
        }
    }

    private static func load(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "load_radiomics", [LuaParameter("path", .string, "A CSV file of `table:save` or of pyradiomics.")],
            returns: [LuaResult("table", .object("RadiomicsTable"), "A row an image.")],
            "Reads a table of radiomic features. Columns of text are left out."
        ) { arguments in
            [.object(try read(arguments.string("path"), session))]
        }
    }

    private static func read(_ path: String, _ session: ScriptContext) throws -> RadiomicsTableObject {
        let dataset = try Dataset.csv(path: session.input(path))
        let columns = try dataset.columns.map { (name: $0, cells: try dataset.column($0)) }
        return RadiomicsTableObject(try RadiomicsTable(columns: columns, name: path), settings: path)
    }

    private static func distance(_ session: ScriptContext) -> LuaFunctionDeclaration {
        let source = LuaType.oneOf([.object("RadiomicsTable"), .object("Dataset"), .list(.string), .string])
        return LuaFunctionDeclaration(
            "frd",
            [
                LuaParameter("real", source, "A Dataset, a list of paths, a RadiomicsTable, or its CSV file."),
                LuaParameter("synthetic", source, "The same of the synthetic images."),
                MetricModule.options([
                    LuaParameter(
                        "protocol", .choice(Protocol.allCases.map(\.rawValue)),
                        default: .string("chexgenbench"),
                        "`chexgenbench`: ln d² of the features and 13 diagnostics columns in f32, sizes matched by chance; "
                            + "`exact`: ln d of the features in f64, every image."),
                    StatisticOptions.seed, settingsOption, ImageArguments.onBadImage,
                    LuaParameter(
                        "chunks", .boolean, optional: true,
                        "Whether `chexgenbench` leaves out the last files, which the reference never processes (n mod 16 "
                            + "in sorted order); true for images, false for tables."),
                ]),
            ],
            returns: [
                LuaResult("distance", .number, "ln d² or ln d; -inf for sets that are the same."),
                LuaResult(
                    "details", .table,
                    "`squared_distance`, `real`, `synthetic` (images that entered), `features`, `dropped_features` (names), "
                        + "`dropped` (`path`, `reason`, and `kind`: `image`, it cannot be read; `features`, one of them is no number; "
                        + "`chunks`, the reference never processes it), `moved` (`name`, `shift` in deviations of the real set, "
                        + "`share` of the means' squared distance; the farthest first) and `identity`."),
            ],
            "The Fréchet Radiomics Distance (Konz et al., 2024). It needs no weights.",
            example: "local distance, details = metric.frd(real, synthetic, { protocol = \"exact\" })"
        ) { arguments in
            let options = try arguments.options("options")
            func table(_ name: String) throws -> RadiomicsTableObject {
                switch arguments.value(name) {
                case .object(let object as RadiomicsTableObject): return object
                case .string(let path): return try read(path, session)
                default: return try measure(arguments, name, options, session)
                }
            }
            var isTable = false
            for name in ["real", "synthetic"] {
                switch arguments.value(name) {
                case .string, .object(is RadiomicsTableObject): isTable = true
                default: break
                }
            }
            let (real, synthetic) = (try table("real"), try table("synthetic"))
            let settings = try StatisticOptions.settings(options, session)
            let result = try FrechetRadiomicsDistance(
                real: real.features, synthetic: synthetic.features, protocol: settings.definition,
                isChunked: options.has("chunks") ? options.boolean("chunks") : !isTable, seed: settings.seed)
            let identity = session.statistics["frd"]?.identity(
                real.identity(settings.definition), settings, real: result.realCount, synthetic: result.syntheticCount)
            return [.number(result.value), details(result, identity, skipped: real.skipped + synthetic.skipped)]
        }
    }

    private static func details(
        _ result: FrechetRadiomicsDistance, _ identity: MetricIdentity?, skipped: [BadImage]
    ) -> LuaValue {
        let dropped =
            skipped.map { RadiomicFeatures.Dropped(path: $0.path, kind: .image, reason: $0.reason) } + result.dropped
        return .fields([
            ("squared_distance", .number(result.squaredDistance)), ("real", .integer(result.realCount)),
            ("synthetic", .integer(result.syntheticCount)), ("features", .integer(result.features.count)),
            ("dropped_features", .list(result.droppedFeatures)),
            (
                "dropped",
                .table(
                    LuaTable(
                        array: dropped.map {
                            .fields([
                                ("path", .string($0.path)), ("reason", .string($0.reason)),
                                ("kind", .string($0.kind.rawValue)),
                            ])
                        }))
            ),
            (
                "moved",
                .table(
                    LuaTable(
                        array: result.moved.map {
                            .fields([
                                ("name", .string($0.name)), ("shift", .number($0.shift)), ("share", .number($0.share)),
                            ])
                        }))
            ),
            ("identity", .optional(identity?.text)),
        ])
    }

    private static func measure(
        _ arguments: LuaArguments, _ name: String, _ options: LuaArguments, _ session: ScriptContext
    ) throws -> RadiomicsTableObject {
        let task = RadiomicsTask(try settings(of: options, "settings", session) ?? RadiomicsSettings())
        let outcome = try session.run(
            [task], over: ImageArguments.sources(arguments, name), options,
            clipping: ClippingPolicy(MetricModule.definition(options)), label: "radiomics")
        return try RadiomicsTableObject(task, outcome, skipped: outcome.skipped)
    }

    /// The settings that an option names: a YAML file, a table, or `true` for the reference's; nil where it is absent or
    /// `false`.
    static func settings(of options: LuaArguments, _ name: String, _ session: ScriptContext) throws
        -> RadiomicsSettings?
    {
        switch options.value(name) {
        case .nil: return nil
        case .boolean(let isWanted): return isWanted ? RadiomicsSettings() : nil
        case .string(let path):
            return try RadiomicsSettings(RunsError.config { try YAML.read(session.input(path)) }.value)
        case let value: return try RadiomicsSettings(ConfigConversion.config(value, name: name))
        }
    }

    static func tableClass(_ session: ScriptContext) -> LuaClassDeclaration {
        LuaClass<RadiomicsTableObject>.declaration(
            "RadiomicsTable", "Radiomic features of many images: a row an image.",
            methods: [
                .method(
                    "select",
                    [LuaParameter("rows", .oneOf([.object("Tensor"), .list(.integer)]), "Row numbers from 1.")],
                    returns: [LuaResult("table", .object("RadiomicsTable"), "These rows.")], "Some rows."
                ) { object, arguments in
                    let rows: [Int]
                    if let tensor = arguments.value("rows").objectValue as? TensorObject {
                        rows = try LabelReader.numbers(tensor.tensor).map { Int(exactly: $0) ?? 0 }
                    } else {
                        rows = try arguments.list("rows").map { $0.integerValue ?? 0 }
                    }
                    return [
                        .object(
                            RadiomicsTableObject(
                                try object.table.rows(rows.map { $0 &- 1 }), settings: object.settings))
                    ]
                },
                .method(
                    "save", [LuaParameter("path", .string, "The file, CSV.")],
                    "Writes the table with pyradiomics' column names, whole or not at all."
                ) { object, arguments in
                    try AtomicFile.write(session.output(arguments.string("path")), object.table.csv())
                    return []
                },
                .method(
                    "tensor", returns: [LuaResult("values", .object("Tensor"), "`[N, D]` f64.")], "The values."
                ) { object, _ in
                    let table = object.table
                    return [.tensor(try Tensor(table.values, shape: [table.count, table.names.count]))]
                },
            ],
            properties: [
                .property("names", .list(.string), "The columns: the diagnostics, then the features.") {
                    .list($0.table.names)
                },
                .property("paths", .list(.string), "The file of each row.") { .list($0.table.paths) },
                .property(
                    "clipped", .object("Tensor"), "i64: the rows, from 1, whose 16-bit samples were cut to white."
                ) {
                    (try? ImageArguments.rows($0.clipped)) ?? .nil
                },
                .property(
                    "flat", .object("Tensor"), "i64: the rows, from 1, of one grey level, which have no features."
                ) {
                    (try? ImageArguments.rows($0.flat)) ?? .nil
                },
                .property("skipped", .list(.table), "`index`, `path` and `reason` of what was left out.") {
                    ImageArguments.lua($0.skipped)
                },
            ],
            operators: [
                .len: .unary { .integer($0.table.count) },
                .tostring: .unary {
                    .string("RadiomicsTable(\($0.table.count) images, \($0.table.names.count) columns)")
                },
            ])
    }

}
