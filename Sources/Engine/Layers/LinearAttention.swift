import Tensors

/// Attention without a softmax: relu(Q) (relu(K)ᵀ V), divided by relu(Q) times the sum of relu(K), for each head
/// (Katharopoulos et al., 2020; with ReLU, Cai et al., 2023). Its work grows with the tokens, not with their square. It has
/// no parameters; heads are neighbouring channels. Sums are f32 at the least.
public struct LinearAttention: Hashable, Sendable {
    /// Heads of queries, keys and values.
    public let heads: Int
    /// Channels of a head.
    public let headSize: Int
    /// Is added to the divisor.
    public let epsilon: Double

    /// Attention by its heads.
    /// - Parameter channels: all heads together.
    /// - Throws: `TensorError.value` where the heads do not divide the channels.
    public init(channels: Int, heads: Int, epsilon: Double = 1e-15) throws {
        guard heads > 0, channels > 0, channels % heads == 0 else {
            throw TensorError.value(
                operation: "linear attention", message: "\(heads) heads do not divide \(channels) channels")
        }
        self.heads = heads
        headSize = channels / heads
        self.epsilon = epsilon
    }

    /// Channels of queries, keys, values and the result.
    public var channels: Int { heads * headSize }

    /// Checks what every executor asks of its operands: queries `[N, T, channels]`, keys and values `[N, S, channels]`.
    /// - Throws: `TensorError.shape` where they do not fit to each other.
    public func check<Value: ExecutionValue>(query: Value, key: Value, value: Value) throws {
        let (q, k) = (query.shape, key.shape)
        guard q.count == 3, k.count == 3, q[2] == channels, k[2] == channels, k == value.shape, k[0] == q[0],
            !q.contains(0), !k.contains(0)
        else {
            throw TensorError.shape(
                operation: "linear attention",
                message: "query \(Tensor.text(q)), key \(Tensor.text(k)), value \(Tensor.text(value.shape))")
        }
    }
}
