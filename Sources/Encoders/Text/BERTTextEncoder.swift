import Checkpoints
import Networks

/// BERT, or BioViL-T's text model, of a folder in transformers' layout.
public typealias BERTTextEncoder = FolderTextEncoder<BERTTextNetwork>

extension BERTTextNetwork: FolderTextNetwork {
    /// How `TextEncoderRegistry` opens it.
    static let encoder = NetworkEntry<any TextEncoder>(
        "bert-text", classes: ["bert", "cxr-bert"], BERTTextNetwork.self)

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(BERTTextConfiguration(path: config)) }

    /// Names with or without the prefix `bert.`, with the old `gamma` and `beta`.
    public func renamed(_ checkpoint: Checkpoint) throws -> Checkpoint {
        let endings = [".gamma": ".weight", ".beta": ".bias"]
        return try checkpoint.renamed { name in
            var name = name.hasPrefix("bert.") ? String(name.dropFirst("bert.".count)) : name
            for (old, new) in endings where name.hasSuffix("LayerNorm" + old) { name = name.dropLast(old.count) + new }
            return name
        }
    }

    /// The heads of pre-training, and position ids.
    public func isForeign(_ name: String) -> Bool {
        name == "embeddings.position_ids" || name.hasPrefix("cls.") || name.hasPrefix("pooler.")
            || (pooledWidth == nil && name.hasPrefix("cls_projection_head."))
    }
}
