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
