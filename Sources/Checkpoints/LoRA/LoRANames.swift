/// Names that layers have where a model was published, and the layers of diffusers' networks that they became: one, or several
/// whose rows lie on top of each other. A family whose LoRA files have names of its own adds lines here.
struct PublishedName {
    /// The rows of a layer.
    enum Rows {
        case same
        /// The halves are the other way round: diffusers keeps scale and shift in this order.
        case swapped
        /// As `swapped` where there are two parts alone, as many rows as inputs each.
        case swappedPair
    }

    /// `double_blocks.#.img_attn.qkv`, with # for a number.
    let pattern: String
    /// `transformer_blocks.#.attn.to_q` and so on, with the same number.
    let layers: [String]
    let rows: Rows

    private init(_ pattern: String, _ layers: [String], _ rows: Rows = .same) {
        self.pattern = pattern
        self.layers = layers
        self.rows = rows
    }

    /// The number that a name has in place of #, empty where the pattern has none; nil for another name.
    /// - Parameter isFlat: whether the name has underscores for dots.
    func number(in name: String, isFlat: Bool) -> String? {
        let pattern = isFlat ? pattern.replacing(".", with: "_") : pattern
        guard let mark = pattern.firstIndex(of: "#") else { return name == pattern ? "" : nil }
        let (before, after) = (pattern[..<mark], pattern[pattern.index(after: mark)...])
        guard name.hasPrefix(before), name.hasSuffix(after), name.count > before.count + after.count else { return nil }
        let middle = name.dropFirst(before.count).dropLast(after.count)
        return middle.utf8.allSatisfy { (0x30...0x39).contains($0) } ? String(middle) : nil
    }

    /// FLUX.1 and Stable Diffusion 3 as their authors published them, and Lumina 2; the rows are those that diffusers'
    /// conversions give their layers.
    static let all: [PublishedName] = [flux, stableDiffusion3, lumina2, ends].flatMap { $0 }

    /// Layers of an attention that were one.
    private static let (own, added) = (["to_q", "to_k", "to_v"], ["add_q_proj", "add_k_proj", "add_v_proj"])

    /// The lines of a stack of blocks: what comes behind the name of a block before, and behind that of diffusers' block.
    private static func stack(
        _ old: String, _ new: String, _ lines: [(String, [String])], _ rows: Rows = .same
    ) -> [PublishedName] {
        lines.map { line in PublishedName("\(old).#.\(line.0)", line.1.map { "\(new).#.\($0)" }, rows) }
    }

    private static func named(_ names: [String], _ attention: String = "attn") -> [String] {
        names.map { "\(attention).\($0)" }
    }

    private static func embedder(_ first: String, _ second: String, _ kind: String) -> [PublishedName] {
        let new = "time_text_embed.\(kind)_embedder.linear_"
        return [PublishedName(first, [new + "1"]), PublishedName(second, [new + "2"])]
    }

    private static let flux: [PublishedName] = {
        let double: [(String, [String])] = [
            ("img_attn.qkv", named(own)), ("img_attn.proj", ["attn.to_out.0"]), ("img_mlp.0", ["ff.net.0.proj"]),
            ("img_mlp.2", ["ff.net.2"]), ("img_mod.lin", ["norm1.linear"]), ("txt_attn.qkv", named(added)),
            ("txt_attn.proj", ["attn.to_add_out"]), ("txt_mlp.0", ["ff_context.net.0.proj"]),
            ("txt_mlp.2", ["ff_context.net.2"]), ("txt_mod.lin", ["norm1_context.linear"]),
        ]
        let single: [(String, [String])] = [
            ("linear1", named(own) + ["proj_mlp"]), ("linear2", ["proj_out"]), ("modulation.lin", ["norm.linear"]),
        ]
        var names = stack("double_blocks", "transformer_blocks", double)
        names += stack("single_blocks", "single_transformer_blocks", single)
        names += embedder("time_in.in_layer", "time_in.out_layer", "timestep")
        names += embedder("vector_in.in_layer", "vector_in.out_layer", "text")
        names += embedder("guidance_in.in_layer", "guidance_in.out_layer", "guidance")
        names += [PublishedName("img_in", ["x_embedder"]), PublishedName("txt_in", ["context_embedder"])]
        return names
    }()

    private static let stableDiffusion3: [PublishedName] = {
        let picture: [(String, [String])] = [
            ("attn.qkv", named(own)), ("attn.proj", ["attn.to_out.0"]), ("attn2.qkv", named(own, "attn2")),
            ("attn2.proj", ["attn2.to_out.0"]), ("mlp.fc1", ["ff.net.0.proj"]), ("mlp.fc2", ["ff.net.2"]),
            ("adaLN_modulation.1", ["norm1.linear"]),
        ]
        let text: [(String, [String])] = [
            ("attn.qkv", named(added)), ("attn.proj", ["attn.to_add_out"]), ("mlp.fc1", ["ff_context.net.0.proj"]),
            ("mlp.fc2", ["ff_context.net.2"]),
        ]
        var names = picture.flatMap { line in
            stack("joint_blocks", "transformer_blocks", [("x_block.\(line.0)", line.1)])
        }
        names += text.flatMap { line in
            stack("joint_blocks", "transformer_blocks", [("context_block.\(line.0)", line.1)])
        }
        names += stack(
            "joint_blocks", "transformer_blocks", [("context_block.adaLN_modulation.1", ["norm1_context.linear"])],
            .swappedPair)
        names += embedder("t_embedder.mlp.0", "t_embedder.mlp.2", "timestep")
        names += embedder("y_embedder.mlp.0", "y_embedder.mlp.2", "text")
        names.append(PublishedName("x_embedder.proj", ["pos_embed.proj"]))
        return names
    }()

    private static let lumina2: [PublishedName] = {
        var lines: [(String, [String])] = [
            ("attention.qkv", named(own)), ("attention.out", ["attn.to_out.0"]),
            ("adaLN_modulation.1", ["norm1.linear"]),
        ]
        for number in 1...3 { lines.append(("feed_forward.w\(number)", ["feed_forward.linear_\(number)"])) }
        return ["layers", "noise_refiner", "context_refiner"].flatMap { stack($0, $0, lines) }
    }()

    private static let ends: [PublishedName] = [
        PublishedName("final_layer.linear", ["proj_out"]),
        PublishedName("final_layer.adaLN_modulation.1", ["norm_out.linear"], .swapped),
    ]
}
