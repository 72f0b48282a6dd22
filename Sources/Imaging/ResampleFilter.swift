import Foundation

/// The filters of `Image.resized`, under Pillow's names.
public enum ResampleFilter: String, CaseIterable, Sendable {
    case nearest, box, bilinear, hamming, bicubic, lanczos

    /// How far the filter reaches from its centre, in source pixels at scale 1.
    var support: Double {
        switch self {
        case .nearest: return 0
        case .box: return 0.5
        case .bilinear, .hamming: return 1
        case .bicubic: return 2
        case .lanczos: return 3
        }
    }

    /// The weight at distance `x`, not normalised. Bicubic is Keys' kernel with a = -0.5.
    func weight(_ x: Double) -> Double {
        switch self {
        case .nearest:
            return 0
        case .box:
            return x > -0.5 && x <= 0.5 ? 1 : 0
        case .bilinear:
            return max(0, 1 - abs(x))
        case .hamming:
            let distance = abs(x)
            if distance == 0 { return 1 }
            if distance >= 1 { return 0 }
            let angle = distance * Double.pi
            return sin(angle) / angle * (0.54 + 0.46 * cos(angle))
        case .bicubic:
            let a = -0.5
            let distance = abs(x)
            if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
            if distance < 2 { return (((distance - 5) * distance + 8) * distance - 4) * a }
            return 0
        case .lanczos:
            return x >= -3 && x < 3 ? Self.sinc(x) * Self.sinc(x / 3) : 0
        }
    }

    private static func sinc(_ x: Double) -> Double {
        if x == 0 { return 1 }
        let angle = x * Double.pi
        return sin(angle) / angle
    }
}

/// Which source pixels make each output pixel along one axis, and with which weights.
/// Source of the arithmetic: Pillow's resampling, which widens the filter by the scale when it shrinks.
struct ResampleWeights {
    /// The first source pixel of each output pixel.
    private(set) var starts: [Int32]
    /// How many source pixels each output pixel takes.
    private(set) var counts: [Int32]
    /// Weights that sum to 1, `taps` for each output pixel, zeros behind the last.
    private(set) var weights: [Double]
    /// Weights stored for each output pixel: a multiple of 16.
    let taps: Int

    /// Weights that take `source` pixels to `target` pixels; both are at least 1.
    init(filter: ResampleFilter, source: Int, target: Int) {
        let scale = Double(source) / Double(target)
        let filterScale = max(1, scale)
        let support = filter.support * filterScale
        let inverse = 1 / filterScale
        taps = ((Int(support.rounded(.up)) * 2 + 1) + 15) / 16 * 16
        starts = [Int32](repeating: 0, count: target)
        counts = starts
        weights = [Double](repeating: 0, count: target * taps)
        for index in 0..<target {
            let center = (Double(index) + 0.5) * scale
            let first = max(0, Int(center - support + 0.5))
            let end = min(source, Int(center + support + 0.5))
            var sum = 0.0
            for tap in 0..<max(0, end - first) {
                let weight = filter.weight((Double(tap + first) - center + 0.5) * inverse)
                weights[index * taps + tap] = weight
                sum += weight
            }
            if sum != 0 { for tap in 0..<max(0, end - first) { weights[index * taps + tap] /= sum } }
            starts[index] = Int32(first)
            counts[index] = Int32(max(0, end - first))
        }
    }

    /// The weights in fixed point with 22 bits behind the point, rounded half away from zero.
    var fixedPoint: [Int32] {
        weights.map { weight in
            let scaled = weight * Double(1 << 22)
            return Int32(weight < 0 ? scaled - 0.5 : scaled + 0.5)
        }
    }
}
