import Engine
import Tensors

/// What all text networks ask of their ids.
enum TextInput {
    /// Refuses what are no ids i64 `[N, T]`, and sequences that are too long.
    /// - Parameter positions: the longest sequence; nil where any will do.
    /// - Throws: `TensorError.shape`.
    static func check(_ ids: Tensor, positions: Int? = nil) throws {
        guard ids.dtype == .i64, ids.rank == 2, ids.count > 0, positions.map({ ids.shape[1] <= $0 }) ?? true else {
            throw TensorError.shape(
                operation: "text encoder",
                message: "wanted ids i64 [N, \(positions.map { "up to \($0)" } ?? "T")], got \(ids.dtype) "
                    + Tensor.text(ids.shape))
        }
    }
}

/// What a mask of padding adds to the scores of attention, as transformers makes it.
///
/// It is an input, made on the host. `Mask.lengths` is no way to say the same: a text may have no token, in which case all are
/// seen alike; causal masks and windows hide other keys besides; and sums over fewer keys are not the bits of sums with zeros.
public enum AttentionBias {
    /// The mask of an attention in which tokens see those up to their own place, or all, but no padding.
    public static func mask<E: Execution>(
        _ padding: Tensor?, isCausal: Bool, on execution: E
    ) throws -> Mask<E.Value> {
        guard let padding else { return isCausal ? .causal : .none }
        return .bias(try execution.value(of(padding, isCausal: isCausal)))
    }

    /// f32 `[N, 1, T, T]` of a mask i64 `[N, T]`, 1 for tokens and 0 for padding: the smallest number hides a key, so that a
    /// token which sees none attends to all alike.
    /// - Parameter window: how many keys a query sees, its own the last; nil is any number.
    static func of(_ mask: Tensor, isCausal: Bool, window: Int? = nil) throws -> Tensor {
        let (texts, length) = (mask.shape[0], mask.shape[1])
        let marks = try mask.contiguous().array(Int64.self)
        let bias = try Tensor(uninitialized: [texts, 1, length, length])
        try bias.withElements(Float.self) { values in
            for text in 0..<texts {
                for query in 0..<length {
                    for key in 0..<length {
                        let isNear = window.map { query - key < $0 } ?? true
                        let isSeen = marks[text * length + key] != 0 && isNear && !(isCausal && key > query)
                        values[(text * length + query) * length + key] = isSeen ? 0 : -.greatestFiniteMagnitude
                    }
                }
            }
        }
        return bias
    }
}
