/// Sums in NumPy's order, where rounding shows.
public enum MetricSums {
    /// NumPy's pairwise sum of contiguous f32 values.
    public static func pairwise(_ values: UnsafePointer<Float>, count: Int) -> Float {
        if count < 8 {
            var sum: Float = -0.0
            for index in 0..<count { sum += values[index] }
            return sum
        }
        if count <= 128 {
            var lanes = SIMD8<Float>()
            for lane in 0..<8 { lanes[lane] = values[lane] }
            var index = 8
            while index < count - count % 8 {
                for lane in 0..<8 { lanes[lane] += values[index + lane] }
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
        return pairwise(values, count: half) + pairwise(values + half, count: count - half)
    }
}
