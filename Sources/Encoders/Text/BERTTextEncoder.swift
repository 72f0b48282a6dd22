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

    /// Names with or without the prefix `bert.`, with the old `gamma` and `beta`; the heads of pre-training and position ids
    /// may stand beside them.
    public func load(_ checkpoint: Checkpoint) throws {
        let endings = [".gamma": ".weight", ".beta": ".bias"]
        let renamed = try checkpoint.renamed { name in
            var name = name.hasPrefix("bert.") ? String(name.dropFirst("bert.".count)) : name
            for (old, new) in endings where name.hasSuffix("LayerNorm" + old) { name = name.dropLast(old.count) + new }
            return name
        }
        try parameters.load(renamed) { [pooledWidth] name in
            name == "embeddings.position_ids" || name.hasPrefix("cls.") || name.hasPrefix("pooler.")
                || (pooledWidth == nil && name.hasPrefix("cls_projection_head."))
        }
    }
}
