import Checkpoints
import Encoders
import Files
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
    /// What a labeler is opened with.
    static func options(_ session: ScriptContext) -> [LuaParameter] {
        let known = session.known.labelers
        let weights = zip(known.names, known.all).map { "`\($1.weights.file)` in `\($1.weights.place)` of `\($0)`" }
        let tokenizers = zip(known.names, known.all).map {
            "\($1.tokenizer.map { "`\($0)`" } ?? "the model that the weights name") of `\($0)`"
        }
        return [
            LuaParameter(
                "weights", .string, optional: true,
                "The file, or its folder, or a Hub name found in the local cache; where absent "
                    + weights.joined(separator: ", ") + "."),
            LuaParameter(
                "tokenizer", .string, optional: true,
                "A folder, the `vocab.txt` in one, or a Hub name; where absent " + tokenizers.joined(separator: ", ")
                    + "."),
            ModelOptions.dtype, DeviceOption.parameter(session),
        ]
    }

    static func function(_ session: ScriptContext) -> LuaFunctionDeclaration {
        let known = session.known.labelers
        return LuaFunctionDeclaration(
            "labeler",
            [
                LuaParameter("name", .choice(known.names), known.listing(\.about) + "."),
                LuaParameter("options", .options(options(session)), default: .table(LuaTable()), "Which weights."),
            ], returns: [LuaResult("labeler", .object("Labeler"), "The labeler.")],
            "Loads a model that reads reports and says what they state. Loading is strict.",
            example:
                "local labeler = model.labeler(\"chexbert\", { weights = \"chexbert.pth\", tokenizer = \"bert-base-uncased\" })"
        ) { arguments in
            let options = try arguments.options("options")
            let name = try arguments.string("name")
            guard let entry = known[name] else { throw arguments.fail("name", known.unknown(name).description) }
            let file = try entry.weights(at: options.has("weights") ? options.string("weights") : nil)
            let tokenizer = try entry.tokenizer(at: options.has("tokenizer") ? options.string("tokenizer") : nil)
            let labeler = try entry.open(file, tokenizer, session.compute(options))
            try session.input(labeler.files)
            return [.object(LabelerObject(labeler))]
        }
    }

    private static func entity(_ found: ReportEntity) -> LuaValue {
        let relations = found.relations.map { relation in
            LuaValue.table(LuaTable(array: [.string(relation.kind), .integer(relation.entity + 1)]))
        }
        return .fields([
            ("tokens", .string(found.tokens)), ("label", .string(found.label)),
            ("first", .integer(found.words.lowerBound + 1)), ("last", .integer(found.words.upperBound)),
            ("relations", .table(LuaTable(array: relations))),
        ])
    }

    static let declaration = LuaClass<LabelerObject>.declaration(
        "Labeler", "A model that says what reports state.",
        methods: [
            .method(
                "labels", [LuaParameter("texts", TextArguments.texts, "A report, or a list of them.")],
                returns: [
                    LuaResult(
                        "classes", .object("Tensor"),
                        "i64 `[N, 14]` in the order of `dataset.pathologies`: 0 blank, 1 positive, 2 negative, 3 uncertain."
                    )
                ],
                "A class for each finding of each report. Of a report of more than 512 tokens the first count.",
                example: "local classes = labeler:labels { \"No pneumothorax.\", \"Mild edema.\" }"
            ) { object, arguments in
                let labeler = object.labeler
                guard let labeler = labeler as? any FindingLabeler else {
                    throw LuaError("labels: the labeler \(labeler.name) finds no classes: ask it to annotate")
                }
                return [.tensor(try labeler.labels(TextArguments.strings(arguments, "texts")))]
            },
            .method(
                "annotate", [LuaParameter("texts", TextArguments.texts, "A report, or a list of them.")],
                returns: [
                    LuaResult(
                        "annotations", .list(.table),
                        "One a report, with `entities`: a list of tables with `tokens`, `label`, `first` and `last` (which words of "
                            + "the report) and `relations`, a list of pairs of a kind and the place of another entity.")
                ],
                "The entities of each report and their relations, as `metric.f1_radgraph` takes them.",
                example: "local annotations = labeler:annotate { \"No pneumothorax.\", \"Mild edema.\" }"
            ) { object, arguments in
                let labeler = object.labeler
                guard let labeler = labeler as? any AnnotatingLabeler else {
                    throw LuaError("annotate: the labeler \(labeler.name) finds no entities: ask it for labels")
                }
                let found = try labeler.annotate(TextArguments.strings(arguments, "texts"))
                let annotations = found.map { entities in
                    LuaValue.fields([
                        ("entities", .table(LuaTable(array: entities.map(entity))))
                    ])
                }
                return [.table(LuaTable(array: annotations))]
            },
        ],
        properties: [
            .property("name", .string, "The labeler's name.") { .string($0.labeler.name) },
            .property(
                "identity", .table, "What its answers depend on, as `metric.identity` takes it for `features`."
            ) { .identity($0.labeler.identity) },
            .property("dtype", .string, "The dtype it computes in.") { .string($0.labeler.dtype.rawValue) },
        ])
}
