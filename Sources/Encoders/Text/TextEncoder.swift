import Engine
import Networks
import Tensors

/// A text model as a pipeline uses it: from ids to the states that condition a picture.
public protocol TextEncoder: PartNetwork {
    /// Channels of a token.
    var width: Int { get }
    /// The longest sequence.
    var positions: Int { get }
    /// Channels of the one vector of a text; nil where the model has none.
    var pooledWidth: Int? { get }
    /// What is asked for, of ids i64 `[N, T]`, counted from 0.
    /// - Parameter mask: i64 `[N, T]`, 1 for tokens and 0 for padding that no token sees; nil hides none.
    func encode(_ ids: Tensor, mask: Tensor?, _ request: TextRequest) throws -> TextStates
}

/// What a text model makes of N texts.
public struct TextStates {
    /// Of the tokens, f32 `[N, T, C]`.
    public var states: Tensor
    /// A vector of each text, f32 `[N, P]`, where it was asked for.
    public var pooled: Tensor?

    /// States, and vectors where there are some.
    public init(states: Tensor, pooled: Tensor? = nil) {
        self.states = states
        self.pooled = pooled
    }
}

extension TextEncoder {
    /// The last states of the tokens, f32 `[N, T, C]`: `last_hidden_state`.
    public func states(_ ids: Tensor, mask: Tensor? = nil) throws -> Tensor {
        try encode(ids, mask: mask, .last).states
    }

    /// None.
    public var pooledWidth: Int? { nil }
}

/// The text encoders by `model_type`.
public enum TextEncoderRegistry {
    /// The program's own: one a file.
    public static let standard = NetworkRegistry<any TextEncoder>(
        "text encoder", key: "model_type", standard: "clip_text_model",
        [
            CLIPTextNetwork.encoder, BERTTextNetwork.encoder, T5EncoderNetwork.encoder, Gemma2Network.encoder,
        ])
}
