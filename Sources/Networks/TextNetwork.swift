import Engine
import Tensors

/// A text network as pipelines use it: from ids to the states that condition a picture.
public protocol TextNetwork: AnyObject {
    /// Every parameter.
    var parameters: ParameterScope { get }
    /// Channels of a token.
    var width: Int { get }
    /// The longest sequence.
    var positions: Int { get }
    /// Channels of the one vector of a text; nil where the network has none.
    var pooledWidth: Int? { get }
    /// What a user should know of its configuration.
    var notes: [String] { get }
    /// What is asked for, of ids i64 `[N, T]`, counted from 0: states f32 `[N, T, C]`, and a vector of each text, f32 `[N, P]`,
    /// where that is asked for.
    /// - Parameter padding: i64 `[N, T]`, 0 where no token looks; nil hides none.
    /// - Throws: `TensorError` for other shapes, too long sequences, ids that are not in the vocabulary, and for what the
    ///   network does not have.
    func encode<E: Execution>(
        _ ids: Tensor, padding: Tensor?, _ request: TextRequest, on execution: E
    ) throws -> (states: E.Value, pooled: E.Value?)
}

/// Which states of a text network are wanted, and whether its one vector of a text is.
public struct TextRequest: Sendable, Equatable {
    /// How many of the last layers are left out of the states: 0 gives those of the last layer, 1 transformers'
    /// `hidden_states[-2]`.
    public var skipping = 0
    /// Whether the network's final normalisation follows, as it does for `last_hidden_state`.
    public var isNormalized = true
    /// Whether the vector of each text is wanted, too.
    public var isPooled = false

    /// Which states, and whether the vector.
    public init(skipping: Int = 0, isNormalized: Bool = true, isPooled: Bool = false) {
        self.skipping = skipping
        self.isNormalized = isNormalized
        self.isPooled = isPooled
    }

    /// `last_hidden_state`.
    public static let last = TextRequest()
    /// `hidden_states[-2]`: those before the last layer, and no normalisation.
    public static let penultimate = TextRequest(skipping: 1, isNormalized: false)
}

extension TextRequest {
    /// How many layers the states go through.
    /// - Throws: `TensorError.value` where more are left out than there are.
    func layers(of count: Int) throws -> Int {
        guard (0..<count).contains(skipping) else {
            throw TensorError.value(
                operation: "text encoder", message: "\(skipping) of \(count) layers cannot be left out")
        }
        return count - skipping
    }

    /// Refuses to give a vector of a text.
    /// - Throws: `TensorError.value`.
    func refusePooled() throws {
        if isPooled {
            throw TensorError.value(operation: "text encoder", message: "this model has no pooled vectors")
        }
    }
}
