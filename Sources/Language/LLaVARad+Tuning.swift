import Checkpoints
import Files
import Imaging
import Networks
import Tensors
import Training

extension LLaVARad {
    /// A trainer of the base with a LoRA, and of the projector as a whole.
    /// - Throws: `TensorError.value` where it was opened with a LoRA, which would be missing in what is saved; as
    ///   `LanguageTrainer.init`.
    public func trainer(_ options: TuningOptions) throws -> LanguageTrainer {
        guard !isAdapted else {
            throw TensorError.value(
                operation: name,
                message: "fine-tuning begins with the base: open it without `adapter`, with its projector's file as "
                    + "`projector`; training can begin with the adapter as `start`")
        }
        let own = ProjectorNetwork(inputs: tower.width, outputs: language.width, depth: depth)
        for (copy, original) in zip(own.parameters.parameters, projector.parameters.parameters) {
            try copy.load(Tensor(original.floats(), shape: original.shape))
        }
        projectorFiles.release()
        return try language.trainer(options, projector: own)
    }

    /// A conversation in which the model learns the answer: the question with an image before it, as the authors train.
    public func example(_ question: String, _ answer: String, image: Tensor) throws -> TuningExample {
        let (before, after) = try frame(question)
        let words = language.tuningIDs(prompt: "", answer: answer).answer
        let states = try states([image]).select(0, 0)
        return TuningExample([
            .ids(before, isLearned: false), .vectors(states), .ids(after, isLearned: false),
            .ids(words, isLearned: true),
        ])
    }

    /// Takes what was trained into the weights that answer from now on.
    public func take(_ trainer: LanguageTrainer) throws -> TunedLanguage {
        let tuned = try language.take(trainer)
        for (parameter, value) in zip(projector.parameters.parameters, tuned.projector) {
            try parameter.load(value.tensor)
        }
        projectorFiles.executor.forget()
        return tuned
    }

    /// Writes LLaVA's folder: peft's two files, `config.json`, and `non_lora_trainables.bin` with the projector.
    /// - Throws: `FileError` where a file cannot be written.
    public func save(_ tuned: TunedLanguage, to folder: String) throws {
        try Folders.make(folder)
        try TorchFile.write(
            folder + "/non_lora_trainables.bin",
            tuned.projector.map { ("base_model.model.model.mm_projector." + $0.name, $0.tensor) })
        var config = try JSON.read(tuned.base + "/config.json").object ?? []
        let own: [(key: String, value: JSON)] = [
            ("architectures", .array([.string("LlavaLlamaForCausalLM")])), ("model_type", .string("llava_llama")),
            ("mm_projector_type", .string(depth == 1 ? "linear" : "mlp\(depth)x_gelu")),
            ("mm_hidden_size", .integer(tower.width)), ("mm_vision_select_layer", .integer(-1 - skipped)),
            ("mm_vision_select_feature", .string("patch")), ("mm_use_im_start_end", .boolean(false)),
            ("mm_use_im_patch_token", .boolean(false)), ("use_mm_proj", .boolean(true)),
        ]
        config.removeAll { member in own.contains { $0.key == member.key } }
        try AtomicFile.write(folder + "/config.json", JSON.object(config + own).text(pretty: true))
        try tuned.save(folder)
    }
}
