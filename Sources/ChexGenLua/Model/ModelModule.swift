import Datasets
import Encoders
import Imaging
import Language
import LuaRuntime
import Runs
import Tensors
import Training

/// An encoder as Lua holds it.
final class EncoderObject {
    let encoder: any Encoder
    let session: ScriptContext

    init(_ encoder: any Encoder, _ session: ScriptContext) {
        self.encoder = encoder
        self.session = session
    }
}

/// `chexgen.model`: networks. The methods of encoders are in `EncoderMethods.swift`.
enum ModelModule {
    static func declaration(_ session: ScriptContext) -> LuaModuleDeclaration {
        LuaModuleDeclaration(
            "chexgen.model", "Networks, with the weight files that users have.",
            functions: [
                encoder(session), EncoderList.declaration(session), ImageTextModule.function(session),
                LabelerModule.function(session),
            ] + session.models.flatMap { $0.functions(session) } + [
                LanguageModule.function(session), VisionLanguageModule.function(session),
                VisionLanguageModule.list(session),
                parameters(session), register(session),
                RegisteredModel.list(session),
            ] + ClassifierModule.functions(session),
            constants: [ClassifierModule.names(session), ImageTextModule.names(session)],
            classes: [
                EncoderMethods.declaration, ImageTextModule.declaration, LabelerModule.declaration,
                ClassifierMethods.declaration,
            ]
                + LanguageModule.classes + [VisionLanguageModule.declaration]
                + session.models.flatMap(\.classes))
    }

    private static func encoder(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "encoder",
            [
                LuaParameter("name", .string, EncoderList.text(session.encoders) + "or a registered name."),
                LuaParameter(
                    "options", .dictionary(.any), optional: true,
                    "`weights`: a file, a folder, or a Hub name found in the local cache; `dtype`: \"f32\" or \"bf16\". "
                        + DeviceOption.text(session) + " A registered model gets the whole table."),
            ], returns: [LuaResult("encoder", .any, "The encoder.")],
            "Loads an encoder. Loading is strict: every tensor is used once and every parameter is filled.",
            example:
                "local encoder = model.encoder(\"rad-dino\", { weights = \"microsoft/rad-dino\", dtype = \"bf16\" })"
        ) { arguments in
            let name = try arguments.string("name")
            if let model = session.registered[name] { return try model.load(arguments.value("options"), session.host) }
            let options = arguments.has("options") ? try arguments.table("options") : LuaTable()
            for field in options.fields where !ModelOptions.encoder.contains(field.name) {
                throw arguments.fail("options", ModelOptions.unknown(field.name, of: ModelOptions.encoder))
            }
            guard options["weights"].isNil || options["weights"].stringValue != nil else {
                throw arguments.fail("options.weights", "wanted a string, got \(options["weights"].kind)")
            }
            let compute = try session.compute(options, arguments)
            let encoder = try session.encoders.make(
                name, weights: options["weights"].stringValue, dtype: compute.dtype, on: compute.device)
            try session.input(encoder.files)
            return [.object(EncoderObject(encoder, session))]
        }
    }

    private static func parameters(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "parameters",
            [
                LuaParameter(
                    "name",
                    .choice(
                        session.encoders.names + session.models.flatMap(\.networks) + session.classifiers.names
                            + session.known.languages.entries.names),
                    "An encoder of the program's own, a part of a pipeline, a classifier, or a language model."),
                LuaParameter(
                    "options",
                    .options([
                        LuaParameter("config", .string, optional: true, "The folder with the network's config.json."),
                        LuaParameter(
                            "classes", .integer, default: .integer(Pathologies.count), "Classes of a classifier."),
                    ]), default: .table(LuaTable()), "Which variant."),
            ],
            returns: [LuaResult("parameters", .list(.table), "`name` and `shape` of every tensor in a weight file.")],
            "What a network's weight file must hold: for making one, or for checking one."
        ) { arguments in
            let options = try arguments.options("options")
            let config = options.has("config") ? try options.string("config") : nil
            let name = try arguments.string("name")
            let parameters: [(name: String, shape: [Int])]
            if session.classifiers.names.contains(name) {
                parameters = try session.classifiers.parameters(name, classes: options.integer("classes"))
            } else if let entry = session.known.languages.entries[name] {
                guard let config else {
                    throw arguments.fail("options.config", "wanted the folder with its config.json")
                }
                parameters = try entry.parameters(config + "/config.json")
            } else {
                let added = session.models.first { $0.networks.contains(name) }
                parameters =
                    try added?.parameters(name, config: config) ?? session.encoders.entry(name).parameters(config)
            }
            return [
                .table(
                    LuaTable(
                        array: parameters.map { .fields([("name", .string($0.name)), ("shape", .list($0.shape))]) }))
            ]
        }
    }

    private static func register(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "register",
            [
                LuaParameter("name", .string, "The name for `model.encoder` and `model.pipeline`."),
                LuaParameter(
                    "entry",
                    .oneOf([.function("fun(options: table): any"), .options(RegisteredModel.keys)]),
                    "A function that gets the options and returns an object with a model's methods; or a table with that "
                        + "function, or of a pipeline with one that says what is opened, and the model's usual settings."
                ),
            ], "Adds a model of one's own under a name. See `docs/adding-a-model.md`.",
            example:
                "model.register(\"mine\", { source = function(options) return \"mine/checkpoint\", options end, "
                + "steps = 30, guidance_scale = 5 })"
        ) { arguments in
            let name = try arguments.string("name")
            guard session.encoders[name] == nil else {
                throw arguments.fail("name", "\"\(name)\" is the program's own")
            }
            session.registered[name] = try RegisteredModel(name, arguments, "entry", by: session.host.caller)
            return []
        }
    }
}
