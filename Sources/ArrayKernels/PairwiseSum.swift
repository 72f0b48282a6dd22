/// Sums in NumPy's order, where rounding shows: the mean of a detail band is rounding alone.
public enum PairwiseSum {
    /// NumPy's pairwise sum of contiguous values.
    public static func of(_ values: UnsafePointer<Float>, count: Int) -> Float { sum(values, count) }
    /// NumPy's pairwise sum of contiguous values.
    public static func of(_ values: UnsafePointer<Double>, count: Int) -> Double { sum(values, count) }

    private static func sum<Value: BinaryFloatingPoint & SIMDScalar>(
        _ values: UnsafePointer<Value>, _ count: Int
    ) -> Value {
        if count < 8 {
            var sum = -Value.zero
            for index in 0..<count { sum += values[index] }
            return sum
        }
        if count <= 128 {
            var lanes = UnsafeRawPointer(values).loadUnaligned(as: SIMD8<Value>.self)
            var index = 8
            while index < count - count % 8 {
                lanes += UnsafeRawPointer(values + index).loadUnaligned(as: SIMD8<Value>.self)
                index += 8
            }
            var sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
            while index < count {
                sum += values[index]
                index += 1
            }
            return sum
        }
        var half = count / 2
        half -= half % 8
        return sum(values, half) + sum(values + half, count - half)
    }
}
