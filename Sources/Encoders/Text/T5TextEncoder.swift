import Checkpoints
import Networks

/// T5's encoder of a folder in transformers' layout, weights of a whole T5 included.
public typealias T5TextEncoder = FolderTextEncoder<T5EncoderNetwork>

extension T5EncoderNetwork: FolderTextNetwork {
    /// How `TextEncoderRegistry` opens it.
    static let encoder = NetworkEntry<any TextEncoder>("t5-text", classes: ["t5"], T5EncoderNetwork.self)

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(T5Configuration(path: config)) }

    /// The table of tokens has two names, of which files hold one or both.
    public func renamed(_ checkpoint: Checkpoint) throws -> Checkpoint {
        let (shared, twin) = ("shared.weight", "encoder.embed_tokens.weight")
        let hasShared = checkpoint.names.contains(shared)
        return try checkpoint.renamed { name in name == twin ? (hasShared ? nil : shared) : name }
    }

    /// A decoder.
    public func isForeign(_ name: String) -> Bool { name.hasPrefix("decoder.") || name.hasPrefix("lm_head.") }
}
