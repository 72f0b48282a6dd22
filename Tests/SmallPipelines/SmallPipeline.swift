import Checkpoints
import Diffusion
import Foundation
import Tensors
import TestSupport
import Testing

/// A folder in diffusers' layout of a family whose denoiser is a transformer: small networks with weights by formula, and
/// tokenizers of Tests/Parity.
public struct SmallPipeline: Sendable, CustomTestStringConvertible {
    /// A network's folder.
    struct Part: Sendable {
        let folder: String
        /// What `PipelineRegistry.parameters` calls the network.
        let network: String
        /// `config.json`.
        let configuration: String
    }

    /// The class of its `model_index.json`.
    public let className: String
    /// The scheduler's class, and its `scheduler_config.json`.
    let scheduler: (className: String, configuration: String)
    let parts: [Part]

    /// Its class.
    public var testDescription: String { className }

    /// The same pipeline under another name of its class.
    public func named(_ className: String) -> SmallPipeline {
        SmallPipeline(className: className, scheduler: scheduler, parts: parts)
    }

    /// A folder of its own.
    public func folder() throws -> Scratch {
        let folder = try Scratch()
        try write(folder)
        return folder
    }

    /// Writes it into a folder.
    /// - Parameter place: the folder's name within that one; nil is the folder itself.
    public func write(_ folder: Scratch, at place: String? = nil) throws {
        let prefix = place.map { $0 + "/" } ?? ""
        var index = ["\"_class_name\": \"\(className)\"", "\"scheduler\": [\"diffusers\", \"\(scheduler.className)\"]"]
        try folder.write("\(prefix)scheduler/scheduler_config.json", scheduler.configuration)
        for part in parts {
            index.append("\"\(part.folder)\": [\"any\", \"Any\"]")
            try folder.write("\(prefix)\(part.folder)/config.json", part.configuration)
            let path = "\(folder.path)/\(prefix)\(part.folder)"
            let known = try PipelineRegistry.standard.parameters(part.network, config: path)
            let tensors = try #require(known).map { parameter in
                let values = weightValues("\(part.folder).\(parameter.name)", parameter.shape)
                return (name: parameter.name, tensor: try Tensor(values, shape: parameter.shape))
            }
            let file = part.folder.hasPrefix("text") ? "model" : "diffusion_pytorch_model"
            try SafeTensors.write("\(path)/\(file).safetensors", tensors, metadata: ["format": "pt"])
            guard let tokenizer = Self.tokenizers[part.network] else { continue }
            let name = part.folder.replacingOccurrences(of: "text_encoder", with: "tokenizer")
            index.append("\"\(name)\": [\"transformers\", \"\(tokenizer.className)\"]")
            for file in tokenizer.files {
                let bytes = try Data(contentsOf: URL(fileURLWithPath: Places.fixtures("tokenizers/\(file)")))
                try folder.write("\(prefix)\(name)/\((file as NSString).lastPathComponent)", Array(bytes))
            }
        }
        try folder.write("\(prefix)model_index.json", "{\(index.joined(separator: ",\n "))}")
    }

    /// The tokenizers of text encoders, by their networks.
    private static let tokenizers: [String: (className: String, files: [String])] = [
        "clip-text": ("CLIPTokenizer", ["clip/vocab.json", "clip/merges.txt"]),
        "t5-text": ("T5Tokenizer", ["pieces/t5/spiece.model"]),
        "gemma2-text": ("GemmaTokenizer", ["pieces/gemma/tokenizer.model"]),
    ]
}
