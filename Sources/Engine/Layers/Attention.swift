import Tensors

/// Scaled dot-product attention, softmax(scale · Q Kᵀ) V for each head (Vaswani et al., 2017). It has no parameters; heads
/// are neighbouring channels.
public struct Attention: Hashable, Sendable {
    /// Heads of the queries.
    public let heads: Int
    /// Heads of keys and values: as many as `heads`, or fewer, each for as many neighbouring heads of the queries
    /// (grouped-query attention, Ainslie et al., 2023).
    public let keyHeads: Int
    /// Channels of a head.
    public let headSize: Int
    /// Is multiplied to the products: 1 / √headSize, unless the model has another.
    public let scale: Float
    /// Bends scores s to c · tanh(s / c) before they are masked, as in Gemma 2.
    public let softCap: Float?
    /// With `Mask.causal`, a query sees these many keys, its own the last.
    public let window: Int?

    /// Attention by its heads.
    /// - Parameters:
    ///   - channels: of the queries, all heads together.
    ///   - keyHeads: nil are as many as `heads`.
    ///   - scale: nil is 1 / √headSize.
    /// - Throws: `TensorError.value` where heads do not divide what they must.
    public init(
        channels: Int, heads: Int, keyHeads: Int? = nil, scale: Float? = nil, softCap: Float? = nil, window: Int? = nil
    ) throws {
        let keyHeads = keyHeads ?? heads
        guard heads > 0, channels > 0, channels % heads == 0, keyHeads > 0, heads % keyHeads == 0 else {
            throw TensorError.value(
                operation: "attention",
                message: "\(heads) heads do not divide \(channels) channels, or \(keyHeads) heads of keys not them")
        }
        guard softCap.map({ $0 > 0 }) ?? true, window.map({ $0 > 0 }) ?? true else {
            throw TensorError.value(operation: "attention", message: "a cap or a window that is not above 0")
        }
        self.heads = heads
        self.keyHeads = keyHeads
        headSize = channels / heads
        self.scale = scale ?? 1 / Float(headSize).squareRoot()
        self.softCap = softCap
        self.window = window
    }

    /// Channels of queries and of the result.
    public var channels: Int { heads * headSize }
    /// Channels of keys and of values.
    public var keyChannels: Int { keyHeads * headSize }

    /// Checks what every executor asks of its operands: queries `[N, T, channels]`, keys and values `[N, S, keyChannels]`.
    /// - Parameter keys: S with what a cache holds already.
    /// - Throws: `TensorError.shape` where they do not fit to each other, or the mask not to them.
    public func check<Value: ExecutionValue>(
        query: Value, key: Value, value: Value, mask: Mask<Value>, keys: Int
    ) throws {
        let (q, k) = (query.shape, key.shape)
        guard q.count == 3, k.count == 3, q[2] == channels, k[2] == keyChannels, k == value.shape, k[0] == q[0],
            !q.contains(0), !k.contains(0)
        else {
            throw TensorError.shape(
                operation: "attention",
                message: "query \(Tensor.text(q)), key \(Tensor.text(k)), value \(Tensor.text(value.shape))")
        }
        switch mask {
        case .none: return
        case .causal:
            guard q[1] <= keys else {
                throw TensorError.shape(
                    operation: "attention",
                    message: "\(q[1]) queries are more than \(keys) keys: none is the last one's")
            }
        case .lengths(let lengths):
            guard lengths.count == q[0], lengths.allSatisfy({ (1...keys).contains($0) }) else {
                throw TensorError.shape(
                    operation: "attention",
                    message: "wanted \(q[0]) lengths of 1 to \(keys) keys, got \(lengths)")
            }
        case .bias(let bias):
            guard bias.shape.count == 4, bias.shape[0] == 1 || bias.shape[0] == q[0],
                bias.shape[1] == 1 || bias.shape[1] == heads, bias.shape[2] == q[1], bias.shape[3] == keys
            else {
                throw TensorError.shape(
                    operation: "attention",
                    message: "wanted a bias [1 or \(q[0]), 1 or \(heads), \(q[1]), \(keys)], got "
                        + Tensor.text(bias.shape))
            }
        }
    }
}

/// Which keys a query sees.
public enum Mask<Value> {
    /// All.
    case none
    /// Those up to its own place. The last query stands at the last key: with fewer queries than keys, the first keys are
    /// those of an earlier call.
    case causal
    /// The first so many of each image or text.
    case lengths([Int])
    /// All, with a number added to each score: f32 `[1 or N, 1 or heads, queries, keys]`, such as T5's relative positions;
    /// -infinity hides a key. A query that all keys are hidden from sees them all alike.
    case bias(Value)
}

/// Keys and values of the tokens so far, in the memory of an executor, which lets it grow in blocks.
public protocol AttentionCache: AnyObject {
    /// How many tokens it holds.
    var length: Int { get }
}
