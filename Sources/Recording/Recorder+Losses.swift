import Engine
import EngineCPU
import NetKernels
import Tensors

extension Recorder {
    /// The mean of the binary cross entropies of sigmoid(x): PyTorch's `BCEWithLogitsLoss`.
    /// - Parameter targets: f32 of the shape of `x`, 0 … 1; the mean leaves out those that are NaN.
    public func binaryCrossEntropyWithLogits(_ x: Variable, _ targets: Tensor) throws -> Variable {
        let wanted = try checked(targets, x, "binary cross entropy")
        let counted = try wanted.array(Float.self).lazy.filter { !$0.isNaN }.count
        let share = 1 / Double(max(1, counted))
        return try loss(x) { values, gradient in
            NetLoss.binaryCrossEntropy(
                values, Elementwise.floats(wanted), gradient, count: x.count, scale: share) * share
        }
    }

    /// The mean of -log softmax(x)[t] over rows: PyTorch's `CrossEntropyLoss`.
    /// - Parameters:
    ///   - x: logits `[…, classes]`.
    ///   - targets: i64 `[…]`, classes counted from 0.
    /// - Throws: `TensorError.index` for a class outside the logits.
    public func crossEntropy(_ x: Variable, _ targets: Tensor) throws -> Variable {
        let rows = x.count / max(1, x.shape.last ?? 1)
        return try crossEntropy(x, targets, share: 1 / Double(max(1, rows)), ignoresNegative: false)
    }

    /// The sum of -log softmax(x)[t] · share over the rows whose target is not below 0.
    /// - Parameters:
    ///   - x: logits `[…, classes]`.
    ///   - targets: i64 `[…]`, classes counted from 0; what is below 0 is left out.
    /// - Throws: `TensorError.index` for a class outside the logits.
    public func crossEntropy(_ x: Variable, counted targets: Tensor, share: Double) throws -> Variable {
        try crossEntropy(x, targets, share: share, ignoresNegative: true)
    }

    private func crossEntropy(
        _ x: Variable, _ targets: Tensor, share: Double, ignoresNegative: Bool
    ) throws -> Variable {
        guard let columns = x.shape.last, columns > 0, targets.shape == Array(x.shape.dropLast()), x.count > 0,
            targets.dtype == .i64
        else {
            throw TensorError.shape(
                operation: "cross entropy",
                message: "wanted i64 targets \(Tensor.text(Array(x.shape.dropLast()))), got \(targets.dtype) "
                    + Tensor.text(targets.shape))
        }
        let classes = try targets.array(Int64.self)
        if let wrong = classes.first(where: { $0 < 0 && !ignoresNegative || $0 >= Int64(columns) }) {
            throw TensorError.index(
                operation: "cross entropy", message: "class \(wrong) is not in 0 ..< \(columns)")
        }
        let rows = x.count / columns
        return try loss(x) { values, gradient in
            classes.withUnsafeBufferPointer { classes in
                guard let classes = classes.baseAddress else { return 0 }
                return NetLoss.crossEntropy(
                    values, classes, gradient, rows: rows, columns: columns, scale: share) * share
            }
        }
    }

    private func checked(_ targets: Tensor, _ x: Variable, _ operation: String) throws -> Tensor {
        guard targets.shape == x.shape, targets.dtype == .f32, x.count > 0 else {
            throw TensorError.shape(
                operation: operation,
                message: "wanted f32 targets \(Tensor.text(x.shape)), got \(targets.dtype) "
                    + Tensor.text(targets.shape))
        }
        return try targets.contiguous()
    }

    /// A scalar whose gradient `body` works out beside its value.
    private func loss(
        _ x: Variable, _ body: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Double
    ) throws -> Variable {
        let source = try plain(x)
        let gradient = try execution.allocate(source.shape, .f32)
        let value = body(Elementwise.floats(source.stored), Elementwise.floats(gradient))
        let output = result(try Tensor([Float(value)], shape: []), [], of: [source])
        guard output.requiresGradient else { return output }
        record { [slot = output.slot, inputSlot = source.slot] in
            guard let factor = try slot.take() else { return }
            NetElementwise.scale(
                Elementwise.floats(gradient), Float(try factor.item().double), count: gradient.count)
            try inputSlot.add(gradient)
        }
        return output
    }
}
