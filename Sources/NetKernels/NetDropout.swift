import Threading

/// Dropout (Srivastava et al., 2014), f32, in parallel.
public enum NetDropout {
    /// target = 0 for a `share` of the values and x / (1 - share) for the others; may be in place. Whether a value is dropped depends on the
    /// key and its place alone: splitmix64 (Steele et al., 2014) of both, upper half.
    /// - Parameter share: 0 up to below 1.
    public static func apply(
        _ x: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, key: UInt64, share: Double, count: Int
    ) {
        let limit = UInt64(min(max(share, 0), 1) * 0x1p32)
        let factor = Float(1 / (1 - share))
        Parallel.forRanges(count, grain: 16384) { range in
            for index in range {
                var z = key &+ (UInt64(truncatingIfNeeded: index) &+ 1) &* 0x9E37_79B9_7F4A_7C15
                z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
                z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
                z = z ^ (z >> 31)
                target[index] = (z >> 32) < limit ? 0 : x[index] * factor
            }
        }
    }
}
