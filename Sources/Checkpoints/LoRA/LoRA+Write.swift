import Files
import Tensors

extension LoRA {
    /// Writes a folder as peft does, for `PeftModel.from_pretrained` and for `LoRA`: `adapter_model.safetensors` and, last,
    /// `adapter_config.json`.
    /// - Parameters:
    ///   - matrices: A and B of each layer, under peft's names.
    ///   - base: the folder of the model that it is for.
    /// - Throws: `FileError` where a file cannot be written.
    public static func write(
        _ folder: String, _ matrices: [(name: String, tensor: Tensor)], rank: Int, alpha: Double, dropout: Double,
        base: String
    ) throws {
        try Folders.make(folder)
        try SafeTensors.write(folder + "/adapter_model.safetensors", matrices, metadata: ["format": "pt"])
        let modules = Set(
            matrices.compactMap { matrix in
                matrix.name.split(separator: ".").dropLast(2).last.map(String.init)
            })
        let config: [(key: String, value: JSON)] = [
            ("peft_type", .string("LORA")), ("task_type", .string("CAUSAL_LM")),
            ("base_model_name_or_path", .string(base)), ("r", .integer(rank)),
            ("lora_alpha", alpha == alpha.rounded() ? .integer(Int(alpha)) : .number(alpha)),
            ("lora_dropout", .number(dropout)), ("target_modules", .array(modules.sorted().map { .string($0) })),
            ("bias", .string("none")), ("fan_in_fan_out", .boolean(false)), ("inference_mode", .boolean(true)),
            ("init_lora_weights", .boolean(true)), ("modules_to_save", .null), ("use_rslora", .boolean(false)),
        ]
        try AtomicFile.write(folder + "/adapter_config.json", JSON.object(config).text(pretty: true))
    }
}
