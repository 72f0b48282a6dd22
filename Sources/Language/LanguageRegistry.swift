import Checkpoints
import Encoders
import Networks

/// The language models by `model_type`.
public enum LanguageRegistry {
    /// The program's own: one a network.
    public static let standard = NetworkRegistry<any LanguageModel>(
        "language model", key: "model_type", standard: "llama",
        [LlamaNetwork.language, GPTNeoXNetwork.language, Gemma2Network.language])
}

extension LlamaNetwork: FolderCausalNetwork {
    /// How `LanguageRegistry` opens it.
    static let language = NetworkEntry<any LanguageModel>("llama", classes: ["llama"], LlamaNetwork.self)

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(LlamaConfiguration(path: config)) }

    /// Old files hold the speeds of the places' angles; a tied head may stand beside its table.
    public func load(_ checkpoint: Checkpoint) throws {
        let isTied = configuration.isTied
        try parameters.load(checkpoint) {
            $0.hasSuffix(".rotary_emb.inv_freq") || isTied && $0 == "lm_head.weight"
        }
    }
}

extension GPTNeoXNetwork: FolderCausalNetwork {
    /// How `LanguageRegistry` opens it.
    static let language = NetworkEntry<any LanguageModel>("gpt-neox", classes: ["gpt_neox"], GPTNeoXNetwork.self)

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(GPTNeoXConfiguration(path: config)) }

    /// Old files hold masks and the speeds of the places' angles; a tied head may stand beside its table.
    public func load(_ checkpoint: Checkpoint) throws {
        let isTied = configuration.isTied
        try parameters.load(checkpoint) { name in
            name.hasSuffix(".rotary_emb.inv_freq") || name.hasSuffix(".attention.bias")
                || name.hasSuffix(".attention.masked_bias") || isTied && name == "embed_out.weight"
        }
    }
}

extension Gemma2Network: FolderCausalNetwork {
    /// How `LanguageRegistry` opens it.
    static let language = NetworkEntry<any LanguageModel>("gemma2", classes: ["gemma2"], Gemma2Network.self) {
        try Gemma2Network(Gemma2Configuration(path: $0), isCausal: true)
    }
}
