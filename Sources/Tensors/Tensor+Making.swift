extension Tensor {
    /// A tensor filled with one value.
    /// - Throws: `TensorError.value` for a value that an integer dtype cannot hold.
    public static func full(_ shape: [Int], _ value: Scalar, _ dtype: DType = .f32) throws -> Tensor {
        let result = try Tensor(uninitialized: shape, dtype)
        try result.fill(value)
        return result
    }

    /// A tensor of ones.
    public static func ones(_ shape: [Int], _ dtype: DType = .f32) throws -> Tensor {
        try full(shape, .integer(1), dtype)
    }

    /// The identity matrix `[rows, columns]`, square by default.
    public static func eye(_ rows: Int, _ columns: Int? = nil, _ dtype: DType = .f32) throws -> Tensor {
        let columns = columns ?? rows
        let result = try zeros([rows, columns], dtype)
        let length = Swift.min(rows, columns)
        if length > 0 {
            let diagonal = Tensor(
                unchecked: result.storage, dtype, shape: [length], strides: [columns + 1], offset: 0)
            try diagonal.fill(.integer(1))
        }
        return result
    }

    /// `start, start + step, …` up to but without `end`, as `torch.arange`: each value is `start + i * step`. Without a
    /// dtype, integers give i64 and fractions f32.
    /// - Throws: `TensorError.value` for a step of 0, a step that leads away from `end`, or bounds that are not finite.
    public static func arange(
        _ start: Scalar, _ end: Scalar, step: Scalar = .integer(1), dtype: DType? = nil
    ) throws -> Tensor {
        let integral = [start, end, step].allSatisfy { if case .number = $0 { return false } else { return true } }
        let (first, last, by) = (start.double, end.double, step.double)
        guard first.isFinite, last.isFinite, by.isFinite, by != 0, (last - first) / by >= 0 else {
            throw TensorError.value(
                operation: "arange", message: "steps of \(step) do not lead from \(start) to \(end)")
        }
        let length = ((last - first) / by).rounded(.up)
        guard length < 0x1p60 else {
            throw TensorError.shape(operation: "arange", message: "\(length) elements are too many")
        }
        let count = Int(length)
        let type = dtype ?? (integral ? .i64 : .f32)
        if case .integer(let origin) = start, case .integer(let delta) = step, integral {
            let result = try Tensor(uninitialized: [count], .i64)
            try result.write(Int64.self) { Int64(origin &+ $0 &* delta) }
            return try result.to(type)
        }
        let result = try Tensor(uninitialized: [count], .f64)
        try result.write(Double.self) { first + Double($0) * by }
        return try result.to(type)
    }

    /// `count` values from `start` to `end`, both included, in equal steps, as `torch.linspace`.
    /// - Throws: `TensorError.value` for a negative count.
    public static func linspace(
        _ start: Double, _ end: Double, count: Int, dtype: DType = .f32
    ) throws -> Tensor {
        guard count >= 0 else {
            throw TensorError.value(operation: "linspace", message: "wanted a count of at least 0, got \(count)")
        }
        let values = try Tensor(uninitialized: [count], .f64)
        let step = count > 1 ? (end - start) / Double(count - 1) : 0
        // From both ends inwards, so that both bounds are met exactly.
        try values.write(Double.self) {
            $0 < (count + 1) / 2 ? start + Double($0) * step : end - Double(count - 1 - $0) * step
        }
        return try values.to(dtype)
    }

    /// A tensor of `dtype` with the values of `doubles` in row-major order; integers of 2^53 and more are not exact.
    /// - Throws: `TensorError.shape` where the count does not match the shape.
    public static func from(doubles: [Double], shape: [Int], dtype: DType = .f32) throws -> Tensor {
        try Tensor(doubles, shape: shape).to(dtype)
    }

    /// A tensor of `dtype` with the values of `integers` in row-major order.
    /// - Throws: `TensorError.shape` where the count does not match the shape.
    public static func from(integers: [Int], shape: [Int], dtype: DType = .i64) throws -> Tensor {
        try Tensor(integers.map(Int64.init), shape: shape).to(dtype)
    }

    /// Uniform numbers of [0, 1), drawn as `torch.rand` draws them. Floats only; half precision is drawn in f32 and
    /// rounded, and what rounds to 1 becomes 0.
    /// - Throws: `TensorError.dtype` for integers.
    public static func rand(_ shape: [Int], generator: TorchGenerator, dtype: DType = .f32) throws -> Tensor {
        let result = try randomTarget(shape, dtype == .f64 ? .f64 : .f32, dtype, "rand")
        if dtype == .f64 {
            try result.write(Double.self) { _ in generator.uniformDouble() }
        } else {
            // From here on half precision rounds to 1 (the tie as well: 1 is even).
            let limit: Float = dtype == .bf16 ? 1 - 0x1p-9 : dtype == .f16 ? 1 - 0x1p-12 : 1
            try result.write(Float.self) { _ in
                let value = generator.uniform()
                return value < limit ? value : 0
            }
        }
        return try result.to(dtype)
    }

    /// Standard normal numbers, drawn as `torch.randn` draws them. Floats only; half precision is drawn in f32.
    /// - Throws: `TensorError.dtype` for integers.
    public static func randn(_ shape: [Int], generator: TorchGenerator, dtype: DType = .f32) throws -> Tensor {
        let result = try randomTarget(shape, dtype == .f64 ? .f64 : .f32, dtype, "randn")
        switch dtype {
        case .f64: try result.withElements(Double.self) { try generator.normal(into: $0, Cancellation.check) }
        case .f32: try result.withElements(Float.self) { try generator.normal(into: $0, Cancellation.check) }
        default: try result.withElements(Float.self) { try generator.normalBlocks(into: $0, Cancellation.check) }
        }
        return try result.to(dtype)
    }

    /// Integers of `low ..< high`, drawn as `torch.randint` draws them.
    /// - Throws: `TensorError.value` where the range is empty.
    public static func randint(
        _ low: Int, _ high: Int, _ shape: [Int], generator: TorchGenerator, dtype: DType = .i64
    ) throws -> Tensor {
        let (range, overflow) = high.subtractingReportingOverflow(low)
        guard low < high, !overflow else {
            throw TensorError.value(operation: "randint", message: "no integers from \(low) to below \(high)")
        }
        let result = try Tensor(uninitialized: shape, .i64)
        try result.write(Int64.self) { _ in Int64(low + generator.integer(below: range)) }
        return try result.to(dtype)
    }

    /// The integers `0 ..< count` in random order, as `torch.randperm`.
    /// - Throws: `TensorError.value` for a negative count.
    public static func randperm(_ count: Int, generator: TorchGenerator, dtype: DType = .i64) throws -> Tensor {
        guard count >= 0 else {
            throw TensorError.value(operation: "randperm", message: "wanted a count of at least 0, got \(count)")
        }
        let result = try Tensor(uninitialized: [count], .i64)
        try result.withElements(Int64.self) { try generator.permutation(into: $0, Cancellation.check) }
        return try result.to(dtype)
    }

    /// `count` different integers of `0 ..< size` in the order of Python's `random.sample(range(size), k=count)`, i64.
    /// - Throws: `TensorError.value` where there are not so many.
    public static func sample(_ size: Int, count: Int, random: inout PythonRandom) throws -> Tensor {
        guard size >= 0, count >= 0, count <= size else {
            throw TensorError.value(operation: "sample", message: "wanted 0 to \(size) of \(size), got \(count)")
        }
        let result = try Tensor(uninitialized: [count], .i64)
        let drawsFromPool = PythonRandom.drawsFromPool(size, count: count)
        let pool = try Tensor(uninitialized: [drawsFromPool ? size : 0], .i64)
        // Else what was drawn is kept in a set.
        if !drawsFromPool { try Storage.checkRoom(count, 40) }
        try result.withElements(Int64.self) { result in
            try pool.withElements(Int64.self) { try random.sample(size, into: result, pool: $0, Cancellation.check) }
        }
        return result
    }

    private static func randomTarget(
        _ shape: [Int], _ drawn: DType, _ wanted: DType, _ operation: String
    ) throws -> Tensor {
        guard wanted.isFloating else {
            throw TensorError.dtype(operation: operation, message: "wanted a float dtype, got \(wanted)")
        }
        return try Tensor(uninitialized: shape, drawn)
    }

    /// Sets every element of a new tensor of type `Element` from its row-major index.
    /// - Throws: `TensorError.stopped`.
    private func write<Element>(_: Element.Type, _ body: (Int) -> Element) throws {
        let target = pointer.assumingMemoryBound(to: Element.self)
        for start in stride(from: 0, to: count, by: Cancellation.stride) {
            if start > 0 { try Cancellation.check() }
            for index in start..<Swift.min(count, start + Cancellation.stride) { target[index] = body(index) }
        }
    }
}
