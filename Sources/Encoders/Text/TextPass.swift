import Engine
import Tensors

extension ModelFolder {
    /// What a network that is not generic over its executor gives for texts, one after the other with all threads in each
    /// operation: a text has the same bits alone and in any batch.
    func run(_ ids: Tensor, mask: Tensor?, _ pass: some TextPass) throws -> Tensor {
        guard ids.rank == 2, ids.count > 0, ids.dtype == .i64 else {
            throw TensorError.shape(
                operation: "text encoder",
                message: "wanted ids i64 [N, T], got \(ids.dtype) \(Tensor.text(ids.shape))")
        }
        if let mask, mask.shape != ids.shape || mask.dtype != .i64 {
            throw TensorError.shape(
                operation: "text encoder",
                message: "wanted a mask i64 \(Tensor.text(ids.shape)), got \(mask.dtype) \(Tensor.text(mask.shape))")
        }
        let result = try run(ids.contiguous(), mask?.contiguous(), pass, on: executor)
        try checkpoint.checkUnchanged()
        return result
    }

    private func run<X: Executor>(
        _ ids: Tensor, _ mask: Tensor?, _ pass: some TextPass, on executor: X
    ) throws -> Tensor {
        try executor.map(ids.shape[0], .spread) { execution, rows -> [X.Run.Value] in
            let words = try ids.narrow(0, rows.lowerBound, rows.count)
            let padding = try mask?.narrow(0, rows.lowerBound, rows.count)
            return [try pass.run(words, padding: padding, on: execution)]
        }[0]
    }
}

/// A text network, with what is asked of it.
protocol TextPass {
    /// The answer for ids i64 `[n, T]`.
    /// - Parameter padding: i64 `[n, T]`, 0 where no token looks; nil hides none.
    func run<E: Execution>(_ ids: Tensor, padding: Tensor?, on execution: E) throws -> E.Value
}

/// What a mask of padding adds to the scores of attention, as transformers makes it.
enum AttentionBias {
    /// The mask of an attention in which tokens see those up to their own place, or all, but no padding.
    static func mask<E: Execution>(_ padding: Tensor?, isCausal: Bool, on execution: E) throws -> Mask<E.Value> {
        guard let padding else { return isCausal ? .causal : .none }
        return .bias(try execution.value(of(padding, isCausal: isCausal)))
    }

    /// f32 `[N, 1, T, T]` of a mask i64 `[N, T]`, 1 for tokens and 0 for padding: the smallest number hides a key, so that a
    /// token which sees none attends to all alike.
    private static func of(_ mask: Tensor, isCausal: Bool) throws -> Tensor {
        let (texts, length) = (mask.shape[0], mask.shape[1])
        let marks = try mask.contiguous().array(Int64.self)
        let bias = try Tensor(uninitialized: [texts, 1, length, length])
        try bias.withElements(Float.self) { values in
            for text in 0..<texts {
                for query in 0..<length {
                    for key in 0..<length {
                        let isSeen = marks[text * length + key] != 0 && !(isCausal && key > query)
                        values[(text * length + query) * length + key] = isSeen ? 0 : -.greatestFiniteMagnitude
                    }
                }
            }
        }
        return bias
    }
}
