import Diffusion
import Encoders
import Tensors

/// What the weight files of a pipeline's networks must hold.
enum PipelineParameters {
    /// The parts that have weights.
    static let names = ["unet", "vae", "clip-text", "bert-text"]

    /// The names and shapes of all tensors of a part's weights; nil where `name` is no part.
    /// - Parameter config: the folder of its config.json.
    /// - Throws: `TensorError.value` where no folder is named; what reading the config throws.
    static func list(_ name: String, config: String?) throws -> [(name: String, shape: [Int])]? {
        guard names.contains(name) else { return nil }
        guard let config else {
            throw TensorError.value(operation: name, message: "its parameters depend on a config.json: name its folder")
        }
        let path = config + "/config.json"
        switch name {
        case "unet": return try UNet2DConditionModel.parameters(UNetConfiguration(path: path))
        case "vae": return try AutoencoderKL.parameters(AutoencoderConfiguration(path: path))
        case "clip-text":
            return try CLIPTextNetwork(CLIPTextConfiguration(path: path)).parameters.parameters.map {
                ($0.name, $0.shape)
            }
        default:
            return try BERTTextNetwork(BERTTextConfiguration(path: path)).parameters.parameters.map {
                ($0.name, $0.shape)
            }
        }
    }
}
