import Tensors

/// Arithmetic of schedulers, element by element in f32 with the roundings of the written order.
enum Elementwise {
    /// `body(a)` of every element.
    @inline(__always)
    static func map(_ a: Tensor, _ body: (Float) -> Float) throws -> Tensor {
        let result = try Tensor(uninitialized: a.shape)
        try a.contiguous().withElements(Float.self) { a in
            try result.withElements(Float.self) { result in
                for index in result.indices { result[index] = body(a[index]) }
            }
        }
        return result
    }

    /// `body(a, b)` of every pair of elements of tensors of one shape.
    @inline(__always)
    static func map(_ a: Tensor, _ b: Tensor, _ body: (Float, Float) -> Float) throws -> Tensor {
        try check(a, b)
        let result = try Tensor(uninitialized: a.shape)
        try a.contiguous().withElements(Float.self) { a in
            try b.contiguous().withElements(Float.self) { b in
                try result.withElements(Float.self) { result in
                    for index in result.indices { result[index] = body(a[index], b[index]) }
                }
            }
        }
        return result
    }

    /// `body(a, b, c)` of every triple of elements of tensors of one shape.
    @inline(__always)
    static func map(_ a: Tensor, _ b: Tensor, _ c: Tensor, _ body: (Float, Float, Float) -> Float) throws -> Tensor {
        try check(a, b)
        try check(a, c)
        let result = try Tensor(uninitialized: a.shape)
        try a.contiguous().withElements(Float.self) { a in
            try b.contiguous().withElements(Float.self) { b in
                try c.contiguous().withElements(Float.self) { c in
                    try result.withElements(Float.self) { result in
                        for index in result.indices { result[index] = body(a[index], b[index], c[index]) }
                    }
                }
            }
        }
        return result
    }

    private static func check(_ a: Tensor, _ b: Tensor) throws {
        guard a.shape == b.shape else {
            throw TensorError.shape(
                operation: "scheduler", message: "\(Tensor.text(a.shape)) does not match \(Tensor.text(b.shape))")
        }
    }
}
