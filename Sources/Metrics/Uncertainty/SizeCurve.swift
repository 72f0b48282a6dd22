import Foundation

/// How a statistic falls (or rises) with the number of images, from its values at a size and at a smaller one; sizes are
/// given as a scale s, which is 1 for the sets as they are, 2 for halves of both, and goes to 0 for endless ones.
struct SizeCurve {
    /// A mean value of sets of scale `scale`.
    struct Point {
        let scale: Double
        let value: Double
    }

    /// The value for endless sets: the line in s, that is in 1/N, through two points, at 0 (Chong and Forsyth, 2020).
    static func limit(_ large: Point, _ small: Point) -> Double {
        large.value - (small.value - large.value) * large.scale / (small.scale - large.scale)
    }

    /// The value at a scale below those of two points.
    /// - Parameter small: what is known of smaller sets; nil where nothing is.
    /// - Returns: nil where one point does not suffice.
    static func value(at scale: Double, _ large: Point, _ small: Point?, _ bias: SizeBias) -> Double? {
        if bias == .none || large.scale == scale { return large.value }
        guard let small, small.scale > large.scale else { return nil }
        switch bias {
        case .none: return large.value
        case .distance: return distance(at: scale, large, small)
        case .inverse:
            return large.value
                - (small.value - large.value) * (large.scale - scale) / (small.scale - large.scale)
        case .slow:
            return large.value
                - (small.value - large.value) * log(large.scale / scale) / log(small.scale / large.scale)
        }
    }

    /// A distance between two sets of one distribution is 0 at s = 0, rises as a line while s is small, and levels off where
    /// there are fewer images than dimensions: F(s) = s / (a + b s), with a and b from both points.
    private static func distance(at scale: Double, _ large: Point, _ small: Point) -> Double {
        guard large.value > 0, small.value > 0 else { return max(0, large.value * scale / large.scale) }
        let (first, second) = (large.scale / large.value, small.scale / small.value)
        // Noise may bend the curve the other way, where it is a line through 0, or beyond level, where it is constant.
        let slope = min(max(0, (second - first) / (small.scale - large.scale)), first / large.scale)
        return scale / (first - slope * (large.scale - scale))
    }
}
