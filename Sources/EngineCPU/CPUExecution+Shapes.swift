import Engine
import NetKernels
import Tensors

extension Tensor: ExecutionValue {}

extension CPUExecution {
    /// The tensor itself.
    public func value(_ tensor: Tensor) throws -> Tensor { tensor }

    /// The tensor itself.
    public func tensor(_ value: Tensor) throws -> Tensor { value }

    /// The parameter's values.
    public func parameter(_ parameter: Parameter) throws -> Tensor { try prepared.values(parameter) }

    /// A table of the executor's.
    public func table(_ owner: AnyObject, _ key: [Int], _ make: () throws -> Tensor) throws -> Tensor {
        try prepared.table(owner, key) { try convert(make(), .f32) }
    }

    /// Values side by side in their last dimension or the one behind the first.
    public func concatenate(_ parts: [Tensor], axis: Int) throws -> Tensor {
        guard let first = parts.first, axis > 0, axis == first.rank - 1 || axis == 1 else {
            throw TensorError.shape(
                operation: "concatenate", message: "\(parts.count) values along dimension \(axis)")
        }
        let images = parts.reduce(1) { max($0, $1.shape.first ?? 1) }
        var total = 0
        for part in parts {
            var (shape, wanted) = (part.shape, [images] + first.shape.dropFirst())
            guard shape.count == wanted.count, shape[0] == images || shape[0] == 1 else { throw misfit(parts) }
            total += shape[axis]
            (shape[0], shape[axis], wanted[axis]) = (images, 0, 0)
            guard shape == wanted else { throw misfit(parts) }
        }
        var shape = [images] + first.shape.dropFirst()
        shape[axis] = total
        let target = try allocate(shape, first.dtype)
        // Along the last dimension a row is a pixel or token, along the second an image.
        let inner = shape[(axis + 1)...].reduce(1, *)
        let size = first.dtype.size
        var offset = 0
        for part in parts {
            let source = try convert(part, first.dtype)
            let width = part.shape[axis] * inner * size
            let repeats = part.shape[0] == images ? 1 : images
            let rows = width == 0 ? 0 : part.count * size / width
            for image in 0..<repeats {
                NetCopies.copyRows(
                    source.pointer, stride: width,
                    target.pointer + offset + image * rows * total * inner * size, stride: total * inner * size,
                    rows: rows, rowBytes: width)
            }
            offset += width
            withExtendedLifetime(source) {}
        }
        return target
    }

    private func misfit(_ parts: [Tensor]) -> TensorError {
        .shape(
            operation: "concatenate",
            message: parts.map { Tensor.text($0.shape) }.joined(separator: ", ") + " do not fit side by side")
    }

    /// A part of a dimension: the same memory where it has no gaps, else a copy.
    public func narrow(_ x: Tensor, axis: Int, _ range: Range<Int>) throws -> Tensor {
        let view = try x.narrow(axis, range.lowerBound, range.count)
        if view.isContiguous { return view }
        let source = try x.contiguous()
        let target = try allocate(view.shape, x.dtype)
        let inner = x.shape[(axis + 1)...].reduce(x.dtype.size, *)
        NetCopies.copyRows(
            source.pointer + range.lowerBound * inner, stride: x.shape[axis] * inner, target.pointer,
            stride: range.count * inner, rows: x.shape[..<axis].reduce(1, *), rowBytes: range.count * inner)
        withExtendedLifetime(source) {}
        return target
    }

    /// The same memory in another shape.
    public func reshape(_ x: Tensor, _ shape: [Int]) throws -> Tensor {
        guard try Tensor.elementCount(shape, operation: "reshape") == x.count else {
            throw TensorError.shape(
                operation: "reshape", message: "\(Tensor.text(x.shape)) does not fit into \(Tensor.text(shape))")
        }
        return try Elementwise.view(x.contiguous(), shape)
    }

    /// Bytes between operations that stay in the cache.
    private static let cacheBytes = 4 << 20

    /// Runs pieces one after the other. Results that took the memory of an input's piece are that input.
    public func each(
        _ inputs: [Tensor], by unit: WorkUnit, _ body: ([Tensor]) throws -> Tensor
    ) throws -> Tensor {
        let count = inputs.first?.shape.first ?? 0
        guard count > 0, inputs.allSatisfy({ $0.shape.first == count }) else {
            throw TensorError.shape(
                operation: "each",
                message: "wanted values of one first dimension, got "
                    + inputs.map { Tensor.text($0.shape) }.joined(separator: ", "))
        }
        var pieces = count
        if case .rows(let bytes) = unit {
            let most = max(64, Self.cacheBytes / max(1, bytes))
            pieces = (count + most - 1) / most
        }
        if pieces == 1 { return try body(inputs) }
        let whole = try inputs.map { try $0.contiguous() }
        var target: Tensor?
        for piece in 0..<pieces {
            try Cancellation.check()
            let range = count * piece / pieces..<count * (piece + 1) / pieces
            let parts = try whole.map { try $0.narrow(0, range.lowerBound, range.count) }
            let part = try body(parts).contiguous()
            guard part.shape.first == range.count else {
                throw TensorError.shape(
                    operation: "each", message: "\(range.count) rows became \(Tensor.text(part.shape))")
            }
            if target == nil {
                target = zip(whole, parts).first { $0.1.pointer == part.pointer && $0.1.shape == part.shape }?.0
            }
            let all = try target ?? allocate([count] + part.shape.dropFirst(), part.dtype)
            target = all
            let place = all.pointer + range.lowerBound * (part.count / range.count) * part.dtype.size
            if place != part.pointer { place.copyMemory(from: part.pointer, byteCount: part.count * part.dtype.size) }
        }
        guard let target else { throw TensorError.shape(operation: "each", message: "no rows") }
        return target
    }
}
