import Engine
import NetKernels
import Tensors

extension CPUExecution {
    /// An activation of each value.
    public func activation(_ kind: Activation, _ x: Tensor) throws -> Tensor {
        kind == .none ? x : try finished(x, Epilogue(activation: kind, result: x.dtype))
    }

    /// What an epilogue asks for, in a pass of its own.
    func finished(_ x: Tensor, _ epilogue: Epilogue<Tensor>) throws -> Tensor {
        try epilogue.check(x.shape, "epilogue")
        let channels = max(1, x.shape.last ?? 1)
        let images = max(1, x.shape.first ?? 1)
        let result = epilogue.result ?? dtype
        let source = try x.contiguous()
        let target = try allocate(x.shape, result)
        try withSteps(epilogue) { steps in
            NetEpilogue.apply(
                source.pointer, try x.dtype.netType("epilogue"), target.pointer, try result.netType("epilogue"), steps,
                rows: x.count / channels, rowsPerImage: max(1, x.count / channels / images), channels: channels)
        }
        withExtendedLifetime(source) {}
        return target
    }

    /// Calls `body` with an epilogue's steps, whose memory lives as long.
    func withSteps(_ epilogue: Epilogue<Tensor>, _ body: (NetEpilogue.Steps) throws -> Void) throws {
        let residual = try epilogue.residual?.value.contiguous()
        var scale: Tensor?
        switch epilogue.scale {
        case .learned(let layer): scale = try prepared.values(layer.factors)
        case .given(let value): scale = try convert(value, .f32)
        case nil: break
        }
        let summand = try epilogue.summand.map { try convert($0, .f32) }
        // From an image's line to the next one's; 0 where all share one.
        func stride(_ lines: Tensor?) -> Int { lines.map { $0.rank > 1 && $0.shape[0] > 1 ? $0.shape[1] : 0 } ?? 0 }
        try body(
            NetEpilogue.Steps(
                scale: scale.map { UnsafePointer(Elementwise.floats($0)) }, scaleStride: stride(scale),
                summand: summand.map { UnsafePointer(Elementwise.floats($0)) }, summandStride: stride(summand),
                residual: residual.map { UnsafeRawPointer($0.pointer) },
                residualType: try residual?.dtype.netType("epilogue") ?? .f32, function: epilogue.activation.function))
        withExtendedLifetime((residual, scale, summand)) {}
    }

    /// A gated unit, in the execution's dtype.
    public func gate(_ unit: GatedUnit, _ a: Tensor, _ b: Tensor?) throws -> Tensor {
        guard let last = a.shape.last, last > 0, b != nil || last % 2 == 0, (b?.shape ?? a.shape) == a.shape else {
            throw TensorError.shape(
                operation: "gate",
                message: b == nil
                    ? "wanted […, 2 C], got \(Tensor.text(a.shape))"
                    : "\(Tensor.text(a.shape)) and \(Tensor.text(b?.shape ?? [])) differ")
        }
        let width = b == nil ? last / 2 : last
        let rows = a.count / last
        let first = try a.contiguous()
        let target = try allocate(Array(a.shape.dropLast()) + [width], dtype)
        let (type, targetType) = (try a.dtype.netType("gate"), try dtype.netType("gate"))
        if b == nil, unit == .swiGLU, type == targetType {
            NetActivation.siluGate(first.pointer, target.pointer, type, rows: rows, width: width)
        } else if b == nil, unit == .geGLU, type == .f32 {
            NetActivation.geluGate(
                first.pointer.assumingMemoryBound(to: Float.self), target.pointer, targetType, rows: rows,
                width: width)
        } else {
            let second = try b?.contiguous()
            let other = second.map { ($0.pointer, $0.dtype) } ?? (first.pointer + width * a.dtype.size, a.dtype)
            NetActivation.gate(
                first.pointer, type, stride: last, other.0, try other.1.netType("gate"), target.pointer, targetType,
                function: unit.activation.function, activatesSecond: unit.activatesSecond, rows: rows, width: width)
            withExtendedLifetime(second) {}
        }
        withExtendedLifetime(first) {}
        return target
    }

    /// x · (1 + scale) + shift, in the execution's dtype.
    public func modulate(_ x: Tensor, scale: Tensor, shift: Tensor) throws -> Tensor {
        let images = x.shape.first ?? 0
        let channels = x.shape.last ?? 0
        for row in [scale, shift] {
            guard x.rank >= 2, x.count > 0, row.shape == [1, channels] || row.shape == [images, channels] else {
                throw TensorError.shape(
                    operation: "modulate",
                    message: "wanted rows f32 [1 or \(images), \(channels)], got \(row.dtype) \(Tensor.text(row.shape))"
                )
            }
        }
        let (factors, summands) = (try convert(scale, .f32), try convert(shift, .f32))
        let source = try x.contiguous()
        let target = try allocate(x.shape, dtype)
        NetEpilogue.modulate(
            source.pointer, try x.dtype.netType("modulate"), target.pointer, try dtype.netType("modulate"),
            scale: Elementwise.floats(factors), scaleStride: scale.shape[0] > 1 ? channels : 0,
            shift: Elementwise.floats(summands), shiftStride: shift.shape[0] > 1 ? channels : 0,
            rows: x.count / channels, rowsPerImage: x.count / channels / images, channels: channels)
        withExtendedLifetime((factors, summands, source)) {}
        return target
    }

    /// a + b.
    public func add(_ a: Tensor, _ b: Tensor, result: DType?) throws -> Tensor {
        let images = a.shape.first ?? 1
        let repeats = b.shape != a.shape
        guard !repeats || b.shape == Array(a.shape.dropFirst()) || b.shape == [1] + a.shape.dropFirst() else {
            throw TensorError.shape(
                operation: "add", message: "\(Tensor.text(b.shape)) does not fit to \(Tensor.text(a.shape))")
        }
        let (first, second) = (try a.contiguous(), try b.contiguous())
        let target = try allocate(a.shape, result ?? a.dtype)
        let pieces = repeats ? images : 1
        let each = a.count / max(1, pieces)
        for piece in 0..<pieces {
            NetElementwise.sum(
                first.pointer + piece * each * a.dtype.size, try a.dtype.netType("add"), second.pointer,
                try b.dtype.netType("add"), target.pointer + piece * each * target.dtype.size,
                try target.dtype.netType("add"), count: each)
        }
        withExtendedLifetime((first, second)) {}
        return target
    }

    /// x · factor + summand.
    public func affine(_ x: Tensor, factor: Float, summand: Float) throws -> Tensor {
        let source = try x.contiguous()
        let target = try allocate(x.shape, x.dtype)
        NetElementwise.affine(
            source.pointer, target.pointer, try x.dtype.netType("affine"), factor: factor, summand: summand,
            count: x.count)
        withExtendedLifetime(source) {}
        return target
    }

    /// Turns the pairs of each head.
    public func rotary(_ layer: Rotary, _ x: Tensor, table: Tensor) throws -> Tensor {
        guard x.rank == 3, x.shape[2] % layer.headSize == 0, table.shape == [x.shape[1], layer.rotated],
            table.dtype == .f32
        else {
            throw TensorError.shape(
                operation: "rotary",
                message: "wanted [N, T, \(layer.headSize) · n] and a table f32 [T, \(layer.rotated)], got "
                    + "\(Tensor.text(x.shape)) and \(table.dtype) \(Tensor.text(table.shape))")
        }
        let (source, angles) = (try x.contiguous(), try table.contiguous())
        let target = try allocate(x.shape, x.dtype)
        NetRotary.turn(
            source.pointer, target.pointer, try x.dtype.netType("rotary"), table: Elementwise.floats(angles),
            NetRotary.Shape(
                rows: x.shape[0] * x.shape[1], places: x.shape[1], heads: x.shape[2] / layer.headSize,
                headSize: layer.headSize, rotated: layer.rotated, neighbours: layer.pairing == .neighbours))
        withExtendedLifetime((source, angles)) {}
        return target
    }

    /// The values in another of f32 and bf16, contiguous; the tensor itself where it is so.
    public func convert(_ x: Tensor, _ dtype: DType) throws -> Tensor {
        let source = try x.contiguous()
        if x.dtype == dtype { return source }
        let target = try allocate(x.shape, dtype)
        NetConversion.convert(
            source.pointer, try x.dtype.netType("conversion"), target.pointer, try dtype.netType("conversion"),
            count: x.count)
        withExtendedLifetime(source) {}
        return target
    }
}

extension Activation {
    /// The kernels' name for this activation; nil is none.
    package var function: NetElementwise.Function? {
        switch self {
        case .none: return nil
        case .relu: return .relu
        case .gelu: return .gelu
        case .geluTanh: return .geluTanh
        case .quickGelu: return .quickGelu
        case .silu: return .silu
        case .tanh: return .tanh
        }
    }
}
