import Checkpoints
import Networks

/// Gemma 2 as a text encoder, of a folder in transformers' layout, weights of a `Gemma2ForCausalLM` included.
public typealias Gemma2TextEncoder = FolderTextEncoder<Gemma2Network>

extension Gemma2Network: FolderTextNetwork {
    /// How `TextEncoderRegistry` opens it.
    static let encoder = NetworkEntry<any TextEncoder>("gemma2-text", classes: ["gemma2"], Gemma2Network.self)

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(Gemma2Configuration(path: config)) }

    /// Names may begin with `model.` or not; the head of a language model may stand beside it.
    public func load(_ checkpoint: Checkpoint) throws {
        let (head, inner) = ("lm_head.weight", "model.")
        let renamed = try checkpoint.renamed { name in
            if name == head { return name }
            let bare = name.hasPrefix(inner) ? String(name.dropFirst(inner.count)) : name
            return isCausal ? inner + bare : bare
        }
        try parameters.load(renamed) { $0 == head || $0.hasSuffix("rotary_emb.inv_freq") }
    }
}
