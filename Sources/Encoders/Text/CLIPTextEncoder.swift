import Checkpoints
import Networks

/// CLIP's text model of a diffusers folder, with its projection where the class has one.
public typealias CLIPTextEncoder = FolderTextEncoder<CLIPTextNetwork>

extension CLIPTextNetwork: FolderTextNetwork {
    /// How `TextEncoderRegistry` opens it.
    static let encoder = NetworkEntry<any TextEncoder>(
        "clip-text", classes: ["clip_text_model", "clip"], CLIPTextNetwork.self)

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(CLIPTextConfiguration(path: config)) }

    /// Names with or without the prefix `text_model.`.
    public func renamed(_ checkpoint: Checkpoint) throws -> Checkpoint {
        let prefix = "text_model."
        return try checkpoint.renamed { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : $0 }
    }

    /// Position ids, and the other parts of a whole CLIP model.
    public func isForeign(_ name: String) -> Bool {
        let others = ["vision_model.", "visual_projection.", "logit_scale"]
        return name == "embeddings.position_ids" || others.contains { name.hasPrefix($0) }
            || (configuration.projectionSize == nil && name.hasPrefix("text_projection."))
    }
}
