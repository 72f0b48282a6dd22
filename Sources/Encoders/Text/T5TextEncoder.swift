import Checkpoints
import Networks

/// T5's encoder of a folder in transformers' layout, weights of a whole T5 included.
public typealias T5TextEncoder = FolderTextEncoder<T5EncoderNetwork>

extension T5EncoderNetwork: FolderTextNetwork {
    /// How `TextEncoderRegistry` opens it.
    static let encoder = NetworkEntry<any TextEncoder>("t5-text", classes: ["t5"], T5EncoderNetwork.self)

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(T5Configuration(path: config)) }

    /// The table of tokens has two names, of which files hold one or both; a decoder may stand beside the encoder.
    public func load(_ checkpoint: Checkpoint) throws {
        let (shared, twin) = ("shared.weight", "encoder.embed_tokens.weight")
        let hasShared = checkpoint.names.contains(shared)
        let renamed = try checkpoint.renamed { name in name == twin ? (hasShared ? nil : shared) : name }
        try parameters.load(renamed) { $0.hasPrefix("decoder.") || $0.hasPrefix("lm_head.") }
    }
}
