import ArrayKernels

/// Functions of two tensors.
public enum BinaryOperation: String, CaseIterable, Sendable {
    case add, subtract, multiply, divide, power, minimum, maximum
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

    /// Whether the result is a truth value.
    public var isComparison: Bool {
        switch self {
        case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: return true
        default: return false
        }
    }

    var kernel: BinaryKernel {
        switch self {
        case .add: return .add
        case .subtract: return .subtract
        case .multiply: return .multiply
        case .divide: return .divide
        case .power: return .power
        case .minimum: return .minimum
        case .maximum: return .maximum
        case .equal: return .equal
        case .notEqual: return .notEqual
        case .less: return .less
        case .lessOrEqual: return .lessOrEqual
        case .greater: return .greater
        case .greaterOrEqual: return .greaterOrEqual
        }
    }
}

extension Tensor {
    /// `operation(lhs, rhs)` element by element; shapes broadcast.
    ///
    /// The dtypes are promoted as PyTorch's; division of integers gives f32, comparisons give bool. Half precision is
    /// calculated in f32 and rounded once. Integers wrap.
    /// - Throws: `TensorError.shape` where the shapes do not broadcast, `.dtype` for a difference of truth values.
    public static func binary(_ operation: BinaryOperation, _ lhs: Tensor, _ rhs: Tensor) throws -> Tensor {
        let common = DType.promoted(lhs.dtype, rhs.dtype)
        return try binary(operation, lhs, rhs, common: common)
    }

    /// `operation(lhs, rhs)` for each element and one number.
    ///
    /// The tensor's dtype stays, except that a fraction makes integers f32 and an integer makes truth values i64.
    /// - Throws: `TensorError.value` for a negative power of integers and a number that an integer dtype cannot hold.
    public static func binary(_ operation: BinaryOperation, _ lhs: Tensor, _ rhs: Scalar) throws -> Tensor {
        let common = lhs.dtype.promoted(with: rhs)
        try checkScalar(operation, common, rhs)
        if operation == .power {
            if !common.isFloating, rhs.double < 0 {
                throw TensorError.value(operation: "pow", message: "integers have no negative powers (got \(rhs))")
            }
            return try lhs.map(.power(rhs.double), common)
        }
        return try binary(operation, lhs, try constant(rhs, for: operation, common), common: common)
    }

    /// `operation(lhs, rhs)` for one number and each element, with the dtypes of the other form.
    /// - Throws: `TensorError.value` for a number that an integer dtype cannot hold.
    public static func binary(_ operation: BinaryOperation, _ lhs: Scalar, _ rhs: Tensor) throws -> Tensor {
        let common = rhs.dtype.promoted(with: lhs)
        try checkScalar(operation, common, lhs)
        return try binary(operation, try constant(lhs, for: operation, common), rhs, common: common)
    }

    private static func checkScalar(_ operation: BinaryOperation, _ common: DType, _ scalar: Scalar) throws {
        if common.isFloating || operation == .power || operation == .divide || operation.isComparison { return }
        try scalar.checkFits(common, operation.rawValue)
    }

    /// The scalar as a tensor. Comparisons see it rounded to a float tensor's dtype, arithmetic in full, as in PyTorch.
    private static func constant(_ scalar: Scalar, for operation: BinaryOperation, _ common: DType) throws -> Tensor {
        let full = try constant(scalar)
        return operation.isComparison && common.isFloating ? try full.to(common) : full
    }

    private static func binary(
        _ operation: BinaryOperation, _ lhs: Tensor, _ rhs: Tensor, common: DType
    ) throws -> Tensor {
        if common == .bool, operation == .subtract {
            throw TensorError.dtype(
                operation: "subtract", message: "truth values have no difference; convert them first")
        }
        let shape = try broadcastShape(lhs.shape, rhs.shape, operation: operation.rawValue)
        let working = operation == .divide ? common.floating : common
        let result = try Tensor(uninitialized: shape, operation.isComparison ? .bool : working)
        if result.count == 0 { return result }
        let (a, b) = (try lhs.expanded(shape), try rhs.expanded(shape))
        try withExtendedLifetime((a, b)) {
            try Cancellation.check(
                BinaryKernels.run(operation.kernel, a.view, b.view, to: result.view, compute: working.compute))
        }
        return result
    }

    /// A kernel over all elements, in dtype `dtype`.
    func map(_ kernel: UnaryKernel, _ dtype: DType, result: DType? = nil) throws -> Tensor {
        let target = try Tensor(uninitialized: shape, result ?? dtype)
        if count > 0 {
            try withExtendedLifetime(self) {
                try Cancellation.check(UnaryKernels.run(kernel, view, to: target.view, compute: dtype.compute))
            }
        }
        return target
    }
}
