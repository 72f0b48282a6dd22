import Tensors

/// Distances of two images, or of two images' features.
public enum PairDistance {
    /// The root of the mean squared difference in grey levels of two images u8 of one shape.
    ///
    /// Differences are signed: CheXGenBench subtracts bytes, which wrap, so that an image beside itself plus one grey level is
    /// 254.3 there and 1 here.
    /// - Throws: `MetricError.shape` for other dtypes and shapes.
    public static func pixels(_ a: Tensor, _ b: Tensor) throws -> Double {
        try pixels(a, b) { Double(abs(Int($0) - Int($1))) }
    }

    /// As `pixels`, with differences that wrap as CheXGenBench's do.
    public static func wrappedPixels(_ a: Tensor, _ b: Tensor) throws -> Double {
        try pixels(a, b) { Double($0 &- $1) }
    }

    private static func pixels(_ a: Tensor, _ b: Tensor, _ difference: (UInt8, UInt8) -> Double) throws -> Double {
        guard a.dtype == .u8, b.dtype == .u8, a.shape == b.shape, a.count > 0 else {
            throw MetricError.shape(
                metric: "pixel_distance",
                message: "wanted two images u8 of one shape, got \(a.dtype) \(Tensor.text(a.shape)) and \(b.dtype) "
                    + Tensor.text(b.shape))
        }
        // How often each difference occurs: exact sums of integers.
        var sum: UInt64 = 0
        try a.contiguous().withElements(UInt8.self) { first in
            try b.contiguous().withElements(UInt8.self) { second in
                for index in first.indices {
                    let value = UInt64(difference(first[index], second[index]))
                    sum += value * value
                }
            }
        }
        return (Double(sum) / Double(a.count)).squareRoot()
    }

    /// The distance of two features, over the root of their length, f64 `[N]` for `[N, D]` and `[N, D]`, row by row.
    /// - Throws: `MetricError` for other shapes, and for features that are not finite.
    public static func latents(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        let metric = "latent_distance"
        let first = try FeatureSet(a, name: "first", metric: metric)
        let second = try FeatureSet(b, name: "second", metric: metric)
        guard first.rows == second.rows, first.dimension == second.dimension else {
            throw MetricError.shape(
                metric: metric,
                message: "wanted as many rows and columns, got \(Tensor.text(a.shape)) and \(Tensor.text(b.shape))")
        }
        let (left, right) = try (first.tensor.to(.f64).array(Double.self), second.tensor.to(.f64).array(Double.self))
        let width = first.dimension
        let values = (0..<first.rows).map { row in
            let squares = (row * width..<(row + 1) * width).reduce(0.0) {
                $0 + (left[$1] - right[$1]) * (left[$1] - right[$1])
            }
            return (squares / Double(width)).squareRoot()
        }
        return try Tensor(values, shape: [values.count])
    }
}
