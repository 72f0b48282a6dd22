import Checkpoints
import Files
import Tensors

/// A text model as a pipeline uses it: from ids to the states that condition a picture.
public protocol TextEncoder: AnyObject {
    /// Channels of a token.
    var width: Int { get }
    /// The longest sequence.
    var positions: Int { get }
    /// The compute dtype.
    var dtype: DType { get }
    /// The files that the weights and sizes came from, with their SHA-256.
    var files: [(file: String, sha256: String)] { get }
    /// The last states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`, counted from 0.
    func states(_ ids: Tensor) throws -> Tensor
}

/// Opens the text encoder of a folder by its configuration.
public enum TextEncoderFolder {
    /// CLIP's or BERT's text model, as `model_type` of `config.json` says.
    /// - Throws: `FileError` and `CheckpointError` where a file is absent, damaged or of another network.
    public static func open(_ folder: String, dtype: DType) throws -> any TextEncoder {
        let reader = try ConfigurationReader(folder + "/config.json")
        let type = try reader.string("model_type", default: "clip_text_model")
        switch type {
        case "clip_text_model", "clip": return try CLIPTextEncoder(folder, dtype: dtype)
        case "bert", "cxr-bert": return try BERTTextEncoder(folder, dtype: dtype)
        default:
            throw reader.fault(
                "model_type", "the text encoder \"\(type)\" is not known; known are clip_text_model, bert and cxr-bert")
        }
    }
}
