import Evaluation
import Files
import Language
import LuaRuntime
import Training

/// `rad:fit` and `rad:save`.
enum VisionLanguageFit {
    private static let films =
        "`{ images = Dataset or paths, prompt = a question for all or a list, answer = list of reports }`"

    static let fit: LuaClass<VisionLanguageObject>.Method = .method(
        "fit",
        [
            LuaParameter(
                "options",
                .options(
                    [
                        LuaParameter("train", .table, films + "."),
                        LuaParameter(
                            "validation", .table, optional: true, films + ": its loss is measured behind each epoch."),
                    ] + LanguageFit.training + [ImageArguments.way, ImageArguments.onBadImage]),
                "The films, and how to train on them.")
        ], returns: [LanguageFit.history],
        "Fine-tunes with a LoRA on the language model's linear layers, and the projector as a whole, on the processor in f32. The model "
            + "must be opened without `adapter`. The defaults are the reference's; what sees stays as it is. Every film "
            + "is read before the first step, so that broken ones are known at once; its pixels are kept, up to 512 MiB of all, and "
            + "the others must then be what they were.",
        example: """
            rad:fit{ train = { images = films, prompt = "Describe the findings of the chest x-ray.", answer = films:column "report" },
              epochs = 5, checkpoint = run.dir .. "/training.safetensors" }
            rad:save(run.dir .. "/adapter")
            """
    ) { object, arguments in
        let given = try arguments.options("options")
        let model = object.model
        return try LanguageFit.run(
            object, given, sets: { try sets(object, given, share: $0, seed: $1) }, trainer: { try model.trainer($0) },
            take: model.take)
    }

    static let save: LuaClass<VisionLanguageObject>.Method = .method(
        "save", [LuaParameter("folder", .string, "Where to.")], returns: [],
        "Writes what `fit` has trained as LLaVA does: peft's two files, `config.json` and `non_lora_trainables.bin`, for `adapter` of "
            + "`model.vision_language`."
    ) { object, arguments in
        try LanguageFit.write(object, arguments) { try object.model.save($0, to: $1) }
    }

    /// Films, with what is asked and answered of each.
    private struct Conversations {
        /// The option that they are of.
        let name: String
        let sources: [ImageSource]
        let prompts: [String]
        let answers: [String]

        /// Some of them, counted from 0.
        func rows(_ chosen: [Int]) -> Conversations {
            Conversations(
                name: name, sources: chosen.map { sources[$0] }, prompts: chosen.map { prompts[$0] },
                answers: chosen.map { answers[$0] })
        }

        /// Those whose films a pass kept, as a training takes them; films are read again where there is no room for all.
        /// - Parameter lengths: how many tokens stand before the answer, by question.
        func set(
            _ outcome: ImagePass.Outcome, _ images: PreparedImages, _ model: any VisionLanguageModel,
            lengths: [String: Int], _ given: LuaArguments
        ) throws -> TuningSet {
            guard !outcome.kept.isEmpty else {
                let first = outcome.skipped.first.map { "; the first: \($0.reason)" } ?? ""
                throw given.fail(name, "none of its \(sources.count) images can be used\(first)")
            }
            let kept = rows(outcome.kept)
            let texts = kept.answers.indices.map {
                "\(outcome.files[$0].sha256)\0\(kept.prompts[$0])\0\(kept.answers[$0])"
            }
            // An answer's own tokens need no count: one is enough to learn.
            let empty = model.language.tuningIDs(prompt: "", answer: "").answer.count
            return TuningSet(
                count: kept.sources.count, fingerprint: SHA256.hex(of: texts.joined(separator: "\0")),
                sizes: { row in
                    let before = lengths[kept.prompts[row]] ?? 0
                    return (before, before + (kept.answers[row].isEmpty ? empty : 1))
                },
                example: {
                    try model.example(kept.prompts[$0], kept.answers[$0], image: images.pixels(kept.sources[$0].path))
                })
        }
    }

    /// The films of `train` and `validation`. All that will be used are read and decoded once before anything is trained, so that every
    /// bad one is known at once.
    private static func sets(
        _ object: VisionLanguageObject, _ given: LuaArguments, share: Double, seed: UInt64
    ) throws -> LanguageFit.Sets {
        let model = object.model
        let all = try ["train", "validation"].filter { given.has($0) }.map { try conversations(given, $0) }
        let places = all.enumerated().map { index, part in
            TuningSet.rows(of: part.sources.count, share: index == 0 ? share : 1, seed: seed)
        }
        // A question that cannot be asked is known now, not when its turn comes.
        var lengths: [String: Int] = [:]
        for part in all {
            for question in Set(part.prompts).sorted() where lengths[question] == nil {
                do { lengths[question] = try model.promptLength(question) } catch {
                    throw given.fail("\(part.name).prompt", "\(error)")
                }
            }
        }
        let chosen = zip(all, places).map { $0.rows($1) }
        let images = PreparedImages { try model.preprocess($0) }
        let pass = ImagePass(
            [TrainingImagesTask(images)], skipsBad: try given.string("on_bad_image") == "skip",
            clipping: ClippingPolicy(try ImageArguments.way(given)), store: object.session.store)
        let outcomes = try object.session.run(pass, over: chosen.map(\.sources), label: "checking images")
        let notes = zip(all, outcomes).compactMap { part, outcome in outcome.note.map { "\(part.name): \($0)" } }
        for note in notes { object.session.note(note) }
        let sets = try zip(chosen, outcomes).map { try $0.set($1, images, model, lengths: lengths, given) }
        let skipped = outcomes.enumerated().flatMap { index, outcome in
            outcome.skipped.map { bad in
                BadImage(
                    index: (index == 0 ? 0 : all[0].sources.count) + places[index][bad.index], path: bad.path,
                    reason: bad.reason)
            }
        }
        return LanguageFit.Sets(
            train: sets[0], validation: sets.count > 1 ? sets[1] : nil, skipped: skipped, notes: notes)
    }

    private static func conversations(_ given: LuaArguments, _ name: String) throws -> Conversations {
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
        return Conversations(
            name: name, sources: sources,
            prompts: prompts.count == 1 ? [String](repeating: prompts[0], count: sources.count) : prompts,
            answers: answers)
    }
}
