import Encoders
import Evaluation
import Identity
import LuaRuntime
import Radiomics

/// `chexgen.evaluation`: what is measured of many images at once.
enum EvaluationModule {
    static func declaration(_ session: ScriptContext) -> LuaModuleDeclaration {
        LuaModuleDeclaration(
            "chexgen.evaluation", "One pass over many images for all that is asked of them.",
            functions: [pass(session)])
    }

    private static func pass(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "pass",
            [
                LuaParameter(
                    "images", .oneOf([.object("Dataset"), .list(.string), .dictionary(.any)]),
                    "A Dataset or a list of paths; or several of them by name: the bad images of all are then listed together."
                ),
                LuaParameter(
                    "options",
                    .options([
                        LuaParameter(
                            "encoders", .dictionary(.any), optional: true,
                            "By a name of your choice: what `model.encoder` gave. The method `features` of a script's own is given lists of "
                                + "images, in RGB."),
                        LuaParameter(
                            "outputs", .dictionary(.list(.string)), optional: true,
                            "By the same names: outputs of the encoder; `features`, the default one, where absent."),
                        LuaParameter(
                            "radiomics", .oneOf([.boolean, .string, .table]), optional: true,
                            "Whether radiomic features are measured, or with which settings: pyradiomics' own keys, a YAML "
                                + "file or a table."),
                        LuaParameter(
                            "protocols", .dictionary(.string), optional: true,
                            "By the same names: the protocol of one encoder's steps, where it is another than `protocol`."
                        ),
                        LuaParameter(
                            "first",
                            .options([
                                LuaParameter("width", .integer, "Pixels."), LuaParameter("height", .integer, "Pixels."),
                            ]), optional: true,
                            "Images of another size are brought to this one, bicubic in their own mode, before an encoder's "
                                + "own steps."),
                        ImageArguments.way, ImageArguments.batch, ImageArguments.onBadImage,
                        ImageArguments.label("images"),
                    ]), default: .table(LuaTable()), "What is asked of every image, and how."),
            ],
            returns: [
                LuaResult(
                    "found", .table,
                    "`kept` (i64: the rows that were kept, from 1) and `skipped` (`index`, `path` and `reason` of every other "
                        + "one); of the kept rows `sha256` (of the bytes of each file), `features` (by name and output, `[N, D]`), "
                        + "`identities` (likewise: `encoder`, `weights`, `preprocessing`, `output`, `dtype` and `device`), "
                        + "`radiomics` (a RadiomicsTable), `clipped` (i64: rows whose 16-bit samples were cut to white) and "
                        + "`flat` (i64: rows of one grey level)."
                )
            ],
            "Reads, hashes and decodes every image once, whatever is asked of it. Results are kept in the cache, by the bytes of "
                + "the file and all that they depend on; an image of which everything is kept is not decoded.",
            example: """
                local found = evaluation.pass(ds, { encoders = { dino = encoder }, radiomics = true, protocol = "exact" })
                print(found.features.dino.features:size(1), #found.skipped, found.flat:numel())
                """
        ) { arguments in
            let options = try arguments.options("options")
            let way = try ImageArguments.way(options)
            let encoders = try encoderTasks(options, way, session)
            let radiomics = try RadiomicsFunctions.settings(of: options, "radiomics", session).map { RadiomicsTask($0) }
            let pass = ImagePass(
                encoders.map(\.task) + [radiomics].compactMap { $0 }, batch: try ImageArguments.batch(options),
                skipsBad: try options.string("on_bad_image") == "skip", clipping: ClippingPolicy(way),
                store: session.store)
            let label = try options.string("label")
            guard let sets = arguments.value("images").tableValue?.fields, !sets.isEmpty else {
                let images = try ImageArguments.sources(arguments, "images")
                return [try found(session.run(pass, over: [images], label: label)[0], encoders, radiomics)]
            }
            let images = try sets.map { try ImageArguments.sources($0.value, "images.\($0.name)", arguments) }
            let outcomes = try session.run(pass, over: images, label: label)
            return [
                .fields(try zip(sets, outcomes).map { ($0.name, try found($1, encoders, radiomics)) })
            ]
        }
    }

    /// What came of a set, for Lua.
    private static func found(
        _ outcome: ImagePass.Outcome, _ encoders: [NamedTask], _ radiomics: RadiomicsTask?
    ) throws -> LuaValue {
        var features: [(String, LuaValue)] = []
        var identities: [(String, LuaValue)] = []
        for encoder in encoders {
            let results = try encoder.task.features(outcome)
            features.append((encoder.name, .fields(try encoder.results { .tensor(results[$0]) })))
            identities.append(
                (encoder.name, .fields(try encoder.results { .identity(encoder.task.featureIdentities[$0]) })))
        }
        var fields: [(String, LuaValue)] = [
            ("kept", try ImageArguments.rows(outcome.kept)), ("skipped", ImageArguments.lua(outcome.skipped)),
            ("sha256", .list(outcome.files.map(\.sha256))),
            ("clipped", try ImageArguments.rows(outcome.clipped)), ("flat", try ImageArguments.rows(outcome.flat)),
            ("features", .fields(features)), ("identities", .fields(identities)),
        ]
        if let radiomics { fields.append(("radiomics", .object(try RadiomicsTableObject(radiomics, outcome)))) }
        return .fields(fields)
    }

    /// An encoder of a call, with the names under which its outputs were asked for.
    private struct NamedTask {
        let name: String
        let asked: [String]
        let task: EncoderTask
        let encoder: any Encoder

        /// A value for each name that was asked for.
        func results(_ value: (Int) -> LuaValue) throws -> [(String, LuaValue)] {
            try asked.compactMap { name in
                let output = try encoder.output(name).name
                return task.outputs.firstIndex(of: output).map { (name, value($0)) }
            }
        }
    }

    private static func size(_ options: LuaArguments) throws -> FirstResize {
        func side(_ name: String) throws -> Int {
            let side = try options.integer(name)
            guard (1...16_384).contains(side) else { throw options.fail(name, "wanted 1 to 16384, got \(side)") }
            return side
        }
        return FirstResize(width: try side("width"), height: try side("height"))
    }

    private static func encoderTasks(
        _ options: LuaArguments, _ way: Protocol, _ session: ScriptContext
    ) throws -> [NamedTask] {
        let given = options.has("encoders") ? try options.table("encoders").fields : []
        let outputs = options.has("outputs") ? try options.table("outputs") : LuaTable()
        for field in outputs.fields where !given.contains(where: { $0.name == field.name }) {
            throw options.fail("outputs", "there is no encoder '\(field.name)' among `encoders`")
        }
        let ways = options.has("protocols") ? try options.table("protocols") : LuaTable()
        for field in ways.fields where !given.contains(where: { $0.name == field.name }) {
            throw options.fail("protocols", "there is no encoder '\(field.name)' among `encoders`")
        }
        let first = try options.has("first") ? size(options.options("first")) : nil
        return try given.map { field in
            var way = way
            if let named = ways[field.name].stringValue {
                guard let found = Protocol(rawValue: named) else {
                    throw options.fail("protocols.\(field.name)", "wanted chexgenbench or exact, got \(named)")
                }
                way = found
            }
            let asked = outputs[field.name].tableValue?.array.compactMap(\.stringValue) ?? ["features"]
            let encoder: any Encoder
            switch field.value {
            case .object(let object as EncoderObject): encoder = object.encoder
            case .table(let object):
                encoder = try ScriptEncoder(
                    object, name: field.name, further: asked,
                    registered: session.registered[object["name"].stringValue ?? field.name], way, session.host)
            default: throw options.fail("encoders.\(field.name)", "wanted an encoder, got \(field.value.kind)")
            }
            return NamedTask(
                name: field.name, asked: asked, task: try EncoderTask(encoder, way, outputs: asked, first: first),
                encoder: encoder)
        }
    }
}

extension LuaValue {
    /// What features depend on, by name.
    static func identity(_ identity: FeatureIdentity) -> LuaValue {
        .fields(identity.fields.map { ($0.name, .string($0.value)) })
    }
}
