extension Tensor {
    /// Whether all elements satisfy |a - b| <= absolute + relative * |b|; shapes broadcast. Equal infinities are close,
    /// NaN only to NaN and only with `equalNaN`.
    /// - Throws: `TensorError.shape` where the shapes do not broadcast, `.value` for a tolerance below 0 or NaN.
    public func allclose(
        _ other: Tensor, relative: Double = 1e-5, absolute: Double = 1e-8, equalNaN: Bool = false
    ) throws -> Bool {
        guard relative >= 0, absolute >= 0 else {
            throw TensorError.value(
                operation: "allclose", message: "wanted tolerances of at least 0, got \(relative) and \(absolute)")
        }
        let sizes = try Tensor.broadcastShape(shape, other.shape, operation: "allclose")
        let a = try expanded(sizes).to(.f64).contiguous()
        let b = try other.expanded(sizes).to(.f64).contiguous()
        return try a.withElements(Double.self) { left in
            try b.withElements(Double.self) { right in
                for index in 0..<left.count {
                    let (x, y) = (left[index], right[index])
                    if x == y || (equalNaN && x.isNaN && y.isNaN) { continue }
                    let difference = Swift.abs(x - y)
                    guard difference.isFinite, difference <= absolute + relative * Swift.abs(y) else { return false }
                }
                return true
            }
        }
    }
}
