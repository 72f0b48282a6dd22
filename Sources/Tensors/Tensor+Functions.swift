import ArrayKernels

/// Functions of one tensor.
public enum UnaryOperation: String, CaseIterable, Sendable {
    case negative, abs, sign, square, sqrt, reciprocal
    case exp, log, sin, cos, tanh, sigmoid, relu, gelu, silu
    case floor, ceil, round
    /// `true` where an element is NaN.
    case isnan

    /// Whether integers and truth values keep their dtype; the other functions make them f32.
    var keepsIntegers: Bool {
        switch self {
        case .negative, .abs, .sign, .square, .relu, .floor, .ceil, .round, .isnan: return true
        default: return false
        }
    }

    var kernel: UnaryKernel {
        switch self {
        case .negative: return .negate
        case .abs: return .absolute
        case .sign: return .sign
        case .square: return .square
        case .sqrt: return .squareRoot
        case .reciprocal: return .reciprocal
        case .exp: return .exp
        case .log: return .log
        case .sin: return .sin
        case .cos: return .cos
        case .tanh: return .tanh
        case .sigmoid: return .sigmoid
        case .relu: return .relu
        case .gelu: return .gelu
        case .silu: return .silu
        case .floor: return .floor
        case .ceil: return .ceil
        case .round: return .round
        case .isnan: return .isNaN
        }
    }
}

extension Tensor {
    /// `operation` of every element. `gelu` is the erf form; `round` rounds ties to even.
    /// - Throws: `TensorError.dtype` for the negative of truth values.
    public func unary(_ operation: UnaryOperation) throws -> Tensor {
        if operation == .negative && dtype == .bool {
            throw TensorError.dtype(operation: "negative", message: "truth values have no negative; convert them first")
        }
        let working = operation.keepsIntegers ? dtype : dtype.floating
        return try map(operation.kernel, working, result: operation == .isnan ? .bool : nil)
    }

    /// Every element brought into `low ... high`; a bound that is nil does not bind. NaN stays NaN.
    /// - Throws: `TensorError.value` without any bound, or for a bound that is NaN.
    public func clamp(_ low: Scalar?, _ high: Scalar?) throws -> Tensor {
        guard low != nil || high != nil else {
            throw TensorError.value(operation: "clamp", message: "wanted a lower or an upper bound, got neither")
        }
        var working = dtype
        for bound in [low, high].compactMap({ $0 }) {
            guard !bound.double.isNaN else {
                throw TensorError.value(operation: "clamp", message: "a bound is NaN")
            }
            working = working.promoted(with: bound)
        }
        // A bound beyond what an integer dtype holds either never binds or has no result.
        if let low = low, low.double > 0 { try low.checkFits(working, "clamp") }
        if let high = high, high.double < 0 { try high.checkFits(working, "clamp") }
        return try map(.clamp(low?.double ?? -.infinity, high?.double ?? .infinity), working)
    }

    /// Every element to the power of `exponent`.
    /// - Throws: `TensorError.value` for a negative power of integers.
    public func pow(_ exponent: Scalar) throws -> Tensor { try Tensor.binary(.power, self, exponent) }

    /// e^x over its sum along `axis`; integers become f32. The result is contiguous.
    /// - Throws: `TensorError.index` for an axis that does not exist.
    public func softmax(_ axis: Int) throws -> Tensor { try alongRows(.softmax, axis, dtype.floating, "softmax") }

    /// The logarithm of `softmax`, without its underflow.
    /// - Throws: `TensorError.index` for an axis that does not exist.
    public func logSoftmax(_ axis: Int) throws -> Tensor {
        try alongRows(.logSoftmax, axis, dtype.floating, "log_softmax")
    }

    /// Sums of the elements up to and including each along `axis`, carried in f64 for floats; integers give i64.
    /// - Throws: `TensorError.index` for an axis that does not exist.
    public func cumsum(_ axis: Int) throws -> Tensor {
        try alongRows(.cumulativeSum, axis, dtype.isFloating ? dtype : .i64, "cumsum")
    }

    private func alongRows(_ kernel: RowKernel, _ axis: Int, _ working: DType, _ operation: String) throws -> Tensor {
        if rank == 0, axis == 0 || axis == -1 {
            return try unsqueezed(0).alongRows(kernel, 0, working, operation).reshaped([])
        }
        let axis = try normalizedAxis(axis, operation: operation)
        let rows = try transposed(axis, rank - 1)
        let result = try Tensor(uninitialized: rows.shape, working)
        if count > 0 {
            let source = try rows.contiguous()
            let needed = 16 * Swift.min(Threads.count, Swift.max(1, count / shape[axis]))
            try Storage.checkRoom(shape[axis], needed)
            let outcome = withExtendedLifetime(source) {
                RowKernels.run(
                    kernel, source.view, length: shape[axis], to: result.view, compute: working.compute)
            }
            try outcome.check(bytes: 16 * shape[axis])
        }
        return try result.transposed(axis, rank - 1).contiguous()
    }
}
