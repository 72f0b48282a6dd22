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

    /// Names with or without the prefix `text_model.`; position ids and the other parts of a whole CLIP model may stand
    /// beside them.
    public func load(_ checkpoint: Checkpoint) throws {
        let prefix = "text_model."
        let others = ["vision_model.", "visual_projection.", "logit_scale"]
        let renamed = try checkpoint.renamed { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : $0 }
        try parameters.load(renamed) { [configuration] name in
            name == "embeddings.position_ids" || others.contains { name.hasPrefix($0) }
                || (configuration.projectionSize == nil && name.hasPrefix("text_projection."))
        }
    }
}
