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
    /// What a user should know of its configuration.
    var notes: [String] { get }
    /// The last states of the tokens, f32 `[N, T, C]`, of ids i64 `[N, T]`, counted from 0.
    /// - Parameter mask: i64 `[N, T]`, 1 for tokens and 0 for padding that no token sees; nil hides none.
    func states(_ ids: Tensor, mask: Tensor?) throws -> Tensor
    /// Gives memory back that the next pass takes again, for when another network works.
    func releaseMemory()
}

extension TextEncoder {
    /// As the other `states`, with no token hidden.
    public func states(_ ids: Tensor) throws -> Tensor { try states(ids, mask: nil) }
    /// Nothing to say.
    public var notes: [String] { [] }
    /// Nothing to give back.
    public func releaseMemory() {}
}

/// The text encoders by `model_type`.
public enum TextEncoderRegistry {
    /// The program's own: one a file.
    public static let standard = NetworkRegistry<any TextEncoder>(
        "text encoder", key: "model_type", standard: "clip_text_model",
        [CLIPTextEncoder.entry, BERTTextEncoder.entry, T5TextEncoder.entry, Gemma2TextEncoder.entry])
}
