import Checkpoints
import Encoders
import Foundation
import LuaRuntime
import Tensors

/// A labeler as Lua holds it.
final class LabelerObject {
    let labeler: any Labeler

    init(_ labeler: any Labeler) { self.labeler = labeler }
}

/// `model.labeler`, and the class of what it gives.
enum LabelerModule {
    private static let known = LabelerRegistry.standard

    static func function(_ session: ScriptContext) -> LuaFunctionDeclaration {
        func defaults(_ text: (LabelerRegistry.Entry) -> String) -> String {
            zip(known.names, known.all).map { "`\(text($1))` of `\($0)`" }.joined(separator: ", ")
        }
        return LuaFunctionDeclaration(
            "labeler",
            [
                LuaParameter(
                    "name", .choice(known.names),
                    zip(known.names, known.all).map { "`\($0)` (\($1.about))" }.joined(separator: ", ") + "."),
                LuaParameter(
                    "options",
                    .options([
                        LuaParameter(
                            "weights", .string, optional: true,
                            "The file, or its folder, or a Hub name found in the local cache; where absent "
                                + defaults { "\($0.weights.file)` in `\($0.weights.place)" } + "."),
                        LuaParameter(
                            "tokenizer", .string, optional: true,
                            "A folder, the `vocab.txt` in one, or a Hub name; where absent "
                                + defaults { $0.tokenizer } + "."),
                        LuaParameter("dtype", .choice(["f32", "bf16"]), optional: true, "The run's where absent."),
                    ]), default: .table(LuaTable()), "Which weights."),
            ], returns: [LuaResult("labeler", .object("Labeler"), "The labeler.")],
            "Loads a model that reads reports and says which findings they state. Loading is strict.",
            example:
                "local labeler = model.labeler(\"chexbert\", { weights = \"chexbert.pth\", tokenizer = \"bert-base-uncased\" })"
        ) { arguments in
            let options = try arguments.options("options")
            let name = try arguments.string("name")
            guard let entry = known[name] else { throw arguments.fail("name", known.unknown(name).description) }
            let dtype = options.has("dtype") ? try options.string("dtype") : session.dtype.rawValue
            let weights = options.has("weights") ? try options.string("weights") : entry.weights.place
            let tokenizer = options.has("tokenizer") ? try options.string("tokenizer") : entry.tokenizer
            let labeler = try entry.open(
                isThere(weights, asFolder: false) ? weights : HubCache.locate(weights, file: entry.weights.file),
                isThere(tokenizer, asFolder: false) || isThere(tokenizer, asFolder: true)
                    ? tokenizer : HubCache.locate(tokenizer),
                DType(rawValue: dtype) ?? session.dtype)
            try session.input(labeler.files)
            return [.object(LabelerObject(labeler))]
        }
    }

    private static func isThere(_ path: String, asFolder: Bool) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue == asFolder
    }

    static let declaration = LuaClassDeclaration(
        "Labeler", type: LabelerObject.self, "A model that says which findings reports state.",
        methods: [
            LuaFunctionDeclaration(
                "labels", [LuaParameter("texts", PipelineOptions.texts, "A report, or a list of them.")],
                returns: [
                    LuaResult(
                        "classes", .object("Tensor"),
                        "i64 `[N, 14]` in the order of `dataset.pathologies`: 0 blank, 1 positive, 2 negative, 3 uncertain."
                    )
                ],
                "A class for each finding of each report. Of a report of more than 512 tokens the first count.",
                example: "local classes = labeler:labels { \"No pneumothorax.\", \"Mild edema.\" }"
            ) { arguments in
                let labeler = try arguments.object("self", as: LabelerObject.self).labeler
                return [.tensor(try labeler.labels(PipelineOptions.strings(arguments, "texts")))]
            }
        ],
        properties: [
            LuaPropertyDeclaration("name", .string, "The labeler's name.") {
                ($0 as? LabelerObject).map { .string($0.labeler.name) } ?? .nil
            },
            LuaPropertyDeclaration("dtype", .string, "The dtype it computes in.") {
                ($0 as? LabelerObject).map { .string($0.labeler.dtype.rawValue) } ?? .nil
            },
        ])
}
