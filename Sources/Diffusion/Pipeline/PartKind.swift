import Tensors

/// What is known of the parts of a name before one is opened.
public struct PartKind {
    /// The name of their folder; those of `text_encoder_2` are of the kind `text_encoder`.
    public let name: String
    /// What they do.
    public let role: PipelinePart.Role
    /// The dtype that they compute in, where it is not the pipeline's.
    public let dtype: DType?
    /// Whether their weights are let go behind each block, in a pipeline that streams.
    public let isStreamed: Bool
    /// The file that their folder holds in any case; nil where its name varies.
    public let file: String?
    /// The names and shapes of all tensors that the weights of a folder must hold; nil for parts without weights.
    public let parameters: Parameters?

    /// Reads what weights must hold.
    public typealias Parameters = (_ folder: String, _ known: PipelineRegistry) throws -> [(name: String, shape: [Int])]

    /// Describes the parts of a name.
    public init(
        _ name: String, _ role: PipelinePart.Role, dtype: DType? = nil, isStreamed: Bool = true,
        file: String? = "config.json", parameters: Parameters? = nil
    ) {
        self.name = name
        self.role = role
        self.dtype = dtype
        self.isStreamed = isStreamed
        self.file = file
        self.parameters = parameters
    }

    /// Whether a part is of this kind.
    func has(_ part: String) -> Bool {
        part == name || part.hasPrefix(name + "_") && Int(part.dropFirst(name.count + 1)) != nil
    }

    /// Those of folders in diffusers' layout.
    static let common = [
        PartKind("tokenizer", .tokenizer, file: nil),
        PartKind("text_encoder", .textEncoder) { try $1.textEncoders.parameters(of: $0) },
        PartKind("unet", .denoiser) { try $1.denoisers.parameters(of: $0) },
        PartKind("transformer", .denoiser) { try $1.denoisers.parameters(of: $0) },
        PartKind("vae", .autoencoder) { try $1.autoencoders.parameters(of: $0) },
    ]
}

/// How pipelines without a `model_index.json` are opened: the place that is named holds one of their parts, and options name those of
/// the others.
public struct SeparateParts {
    /// A part that an option of its name tells the place of.
    public struct Other: Sendable {
        /// The name of the part and of the option.
        public let name: String
        /// What lies there, in a sentence.
        public let about: String

        /// A part beside the main one.
        public init(_ name: String, _ about: String) { (self.name, self.about) = (name, about) }
    }

    /// The part at the place that is named; it has a `config.json`.
    public let main: String
    /// The others.
    public let others: [Other]
    /// What is said to who names the main part and no other: nil where a `config.json` is not one of the main part's.
    public let hint: (_ config: String, _ known: PipelineRegistry) -> String?

    /// Describes them.
    public init(
        main: String, others: [Other], hint: @escaping (_ config: String, _ known: PipelineRegistry) -> String?
    ) {
        self.main = main
        self.others = others
        self.hint = hint
    }
}
