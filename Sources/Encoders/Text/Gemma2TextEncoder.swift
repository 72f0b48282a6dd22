import Checkpoints
import Networks

/// Gemma 2 as a text encoder, of a folder in transformers' layout, weights of a `Gemma2ForCausalLM` included.
public typealias Gemma2TextEncoder = FolderTextEncoder<Gemma2Network>

extension Gemma2Network: FolderTextNetwork {
    /// How `TextEncoderRegistry` opens it.
    static let encoder = NetworkEntry<any TextEncoder>("gemma2-text", classes: ["gemma2"], Gemma2Network.self)

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(Gemma2Configuration(path: config)) }

    private static let head = "lm_head.weight"

    /// Names may begin with `model.` or not.
    public func renamed(_ checkpoint: Checkpoint) throws -> Checkpoint {
        let inner = "model."
        return try checkpoint.renamed { name in
            if name == Self.head { return name }
            let bare = name.hasPrefix(inner) ? String(name.dropFirst(inner.count)) : name
            return isCausal ? inner + bare : bare
        }
    }

    /// The head of a language model.
    public func isForeign(_ name: String) -> Bool { name == Self.head || name.hasSuffix("rotary_emb.inv_freq") }
}
