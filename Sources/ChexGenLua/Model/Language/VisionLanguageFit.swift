import Evaluation
import Files
import Foundation
import Imaging
import Language
import LuaRuntime
import Tensors
import Training

/// `rad:fit` and `rad:save`.
enum VisionLanguageFit {
    private static let films =
        "`{ images = Dataset or paths, prompt = a question for all or a list, answer = list of reports }`"

    static let fit = LuaFunctionDeclaration(
        "fit",
        [
            LuaParameter(
                "options",
                .options(
                    [
                        LuaParameter("train", .table, films + "."),
                        LuaParameter(
                            "validation", .table, optional: true, films + ": its loss is measured behind each epoch."),
                    ] + LanguageFit.training), "The films, and how to train on them.")
        ], returns: [LanguageFit.history],
        "Fine-tunes with a LoRA on the language model's linear layers, and the projector as a whole, on the processor in f32. The model "
            + "must be opened without `adapter`. The defaults are the reference's; what sees stays as it is, and reads each film when its "
            + "turn comes.",
        example: """
            rad:fit{ train = { images = films, prompt = "Describe the findings of the chest x-ray.", answer = films:column "report" },
              epochs = 5, checkpoint = run.dir .. "/training.safetensors" }
            rad:save(run.dir .. "/adapter")
            """
    ) { arguments in
        let object = try arguments.object("self", as: VisionLanguageObject.self)
        let given = try arguments.options("options")
        let model = object.model
        return try LanguageFit.run(
            object, given, set: { try tuningSet(given, $0, model) }, trainer: { try model.trainer($0) },
            take: model.take)
    }

    static let save = LuaFunctionDeclaration(
        "save", [LuaParameter("folder", .string, "Where to.")], returns: [],
        "Writes what `fit` has trained as LLaVA does: peft's two files, `config.json` and `non_lora_trainables.bin`, for `adapter` of "
            + "`model.vision_language`."
    ) { arguments in
        let object = try arguments.object("self", as: VisionLanguageObject.self)
        return try LanguageFit.write(object, arguments) { try object.model.save($0, to: $1) }
    }

    private static func tuningSet(
        _ given: LuaArguments, _ name: String, _ model: any VisionLanguageModel
    ) throws -> TuningSet {
        let table = try given.table(name)
        for field in table.fields where !["answer", "images", "prompt"].contains(field.name) {
            throw given.fail(name, "unknown field '\(field.name)'; known: answer, images, prompt")
        }
        let sources = try ImageArguments.sources(table["images"], name, given)
        func texts(_ key: String) throws -> [String] {
            if let text = table[key].stringValue { return [text] }
            return try (table[key].tableValue?.array ?? []).enumerated().map { index, value in
                guard let text = value.stringValue else {
                    throw given.fail("\(name).\(key)[\(index + 1)]", "wanted a text, got \(value.kind)")
                }
                return text
            }
        }
        let (prompts, answers) = (try texts("prompt"), try texts("answer"))
        guard !sources.isEmpty else { throw given.fail(name, "it has no images") }
        guard answers.count == sources.count, prompts.count == 1 || prompts.count == sources.count else {
            throw given.fail(
                name,
                "wanted an answer for each of \(sources.count) images and as many prompts or one, got "
                    + "\(answers.count) and \(prompts.count)")
        }
        for (index, source) in sources.enumerated() {
            if let fault = source.fault { throw given.fail("\(name).images[\(index + 1)]", fault) }
            guard FileManager.default.fileExists(atPath: source.path) else {
                throw given.fail("\(name).images[\(index + 1)]", "\(source.path): no such file")
            }
        }
        let rows = sources.indices.map {
            "\(Paths.name(sources[$0].path)) \(prompts.count == 1 ? prompts[0] : prompts[$0]) \(answers[$0])"
        }
        return TuningSet(count: sources.count, fingerprint: SHA256.hex(of: rows.joined(separator: "\n"))) { row in
            try model.example(
                prompts.count == 1 ? prompts[0] : prompts[row], answers[row],
                image: model.preprocess(Image.load(sources[row].path)))
        }
    }
}
