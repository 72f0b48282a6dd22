/// A key of a LoRA file: the layer that it belongs to, and what of it.
struct LoRAKey: Equatable {
    /// What a tensor is of its layer's change.
    enum Role { case down, up, alpha }

    /// What the keys of one layer share: `unet.mid_block.attentions.0.proj_in`, or `lora_unet_mid_block_attentions_0_proj_in`.
    let layer: String
    let role: Role

    /// Reads a key of peft and ai-toolkit (`lora_A`, with the adapter's name behind it or not), kohya (`lora_down`), or diffusers
    /// (`lora.down`, `lora_linear_layer.down`, `processor.to_q_lora.down`); nil for any other.
    init?(_ key: String) {
        var words = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let ending = words.removeLast()
        if ending == "alpha" {
            role = .alpha
        } else if ending == "weight", let found = Self.takeRole(&words) {
            role = found
        } else {
            return nil
        }
        if let last = words.last, last.hasSuffix("_lora") { words[words.count - 1] = String(last.dropLast(5)) }
        words.removeAll { $0 == "processor" }
        guard words.contains(where: { !$0.isEmpty }) else { return nil }
        layer = words.joined(separator: ".")
    }

    private static let roles: [String: Role] = ["lora_A": .down, "lora_B": .up, "lora_down": .down, "lora_up": .up]
    private static let oldRoles: [String: Role] = ["down": .down, "up": .up]

    /// Takes the words that say a role from the end.
    private static func takeRole(_ words: inout [String]) -> Role? {
        guard let last = words.last else { return nil }
        if let role = roles[last] {
            words.removeLast()
            return role
        }
        guard words.count > 1 else { return nil }
        let before = words[words.count - 2]
        if let role = roles[before], before == "lora_A" || before == "lora_B" {
            words.removeLast(2)
            return role
        }
        guard let role = oldRoles[last] else { return nil }
        if before == "lora" || before == "lora_linear_layer" {
            words.removeLast(2)
            return role
        }
        guard before.hasSuffix("_lora") else { return nil }
        words.removeLast()
        return role
    }

    /// What kind of change a key belongs to that is no product of two matrices; nil where it is not known either.
    static func foreignKind(_ key: String) -> String? {
        let words = key.split(separator: ".").map(String.init)
        func matches(_ word: String, _ mark: String) -> Bool {
            mark.hasSuffix("_") ? word.hasPrefix(mark) : word == mark
        }
        for (kind, marks) in foreign where words.contains(where: { word in marks.contains { matches(word, $0) } }) {
            return kind
        }
        let isBias = words.last == "bias" && words.dropLast().contains { roles[$0] != nil }
        return isBias ? "a LoRA with biases" : nil
    }

    /// Words in the keys of other kinds (peft, LyCORIS), or their beginnings up to an underscore.
    private static let foreign: [(kind: String, marks: [String])] = [
        ("DoRA", ["lora_magnitude_vector", "dora_scale"]), ("LoHa", ["hada_"]), ("LoKr", ["lokr_"]),
        ("OFT", ["oft_"]), ("BOFT", ["boft_"]), ("a LoRA with a third matrix (Tucker)", ["lora_mid"]),
        ("a LoRA of an embedding", ["lora_embedding_"]), ("(IA)³", ["ia3_", "on_input"]), ("VeRA", ["vera_"]),
        ("whole differences of weights", ["diff_b", "diff"]), ("GLoRA", ["a1", "b1", "a2", "b2"]),
        ("whole layers beside a LoRA", ["modules_to_save", "original_module", "w_norm", "b_norm"]),
    ]
}

/// The layer of a key as a network may know it.
struct LoRAPlace: Equatable {
    /// Which network of a pipeline a key is about.
    enum Part: Equatable {
        case any, denoiser, someTextEncoder
        /// `text_encoder` is 1, `text_encoder_2` 2.
        case textEncoder(Int)
    }

    let part: Part
    /// The name of the layer, without the part's.
    let module: String
    /// Whether dots are underscores, as in kohya's files.
    let isFlat: Bool
    /// What the header of a file calls the part: `unet`, or nothing.
    let prefix: String

    private static let flat: [(String, Part)] = [
        ("lora_unet_", .denoiser), ("lora_transformer_", .denoiser), ("lora_te_", .textEncoder(1)),
        // The third is T5 in whatever place a pipeline has it.
        ("lora_te1_", .textEncoder(1)), ("lora_te2_", .textEncoder(2)), ("lora_te3_", .someTextEncoder),
    ]
    private static let dotted: [(String, Part)] = [
        ("unet.", .denoiser), ("transformer.", .denoiser), ("diffusion_model.", .denoiser),
        ("model.diffusion_model.", .denoiser), ("text_encoder.", .textEncoder(1)), ("text_encoder_2.", .textEncoder(2)),
        ("text_encoder_3.", .textEncoder(3)), ("text_encoders.clip_l.transformer.", .textEncoder(1)),
        ("text_encoders.clip_g.transformer.", .textEncoder(2)), ("text_encoders.t5xxl.transformer.", .someTextEncoder),
    ]
    private static let wrapper = "base_model.model."

    /// Reads the layer of a `LoRAKey`.
    init(_ layer: String) {
        var rest = Substring(layer)
        while rest.hasPrefix(Self.wrapper) { rest = rest.dropFirst(Self.wrapper.count) }
        let flat = Self.flat.first { rest.hasPrefix($0.0) }
        let found = flat ?? Self.dotted.first { rest.hasPrefix($0.0) }
        isFlat = flat != nil
        part = found?.1 ?? .any
        prefix = isFlat ? "" : found.map { String($0.0.dropLast()) } ?? ""
        module = String(rest.dropFirst(found?.0.count ?? 0))
    }
}
