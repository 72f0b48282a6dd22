import Foundation
import Kernels

/// The first-order features of a region, in the order of `FeatureClass.firstorder`.
enum FirstOrderFeatures {
    static func compute(_ region: RegionOfLevels, shift: Double, pixelArea: Double) -> [Double] {
        let values = region.values
        let count = Double(values.count)
        let sorted = values.sorted()
        let (mean, sums) = values.withUnsafeBufferPointer { buffer -> (Double, RadiomicsSums.Central) in
            guard let base = buffer.baseAddress else { return (0, RadiomicsSums.Central()) }
            let mean = RadiomicsSums.pairwise(base, count: buffer.count) / count
            return (mean, RadiomicsSums.central(base, count: buffer.count, mean: mean, shift: shift))
        }
        let (low, high) = (percentile(sorted, 10), percentile(sorted, 90))
        let robust = RadiomicsSums.robustDeviation(values, count: values.count, low: low, high: high)
        let probabilities = region.counts.map { Double($0) / count }
        let entropy = -probabilities.reduce(0) { $0 + $1 * log2($1 + .ulpOfOne) }
        let variance = sums.second / count
        let isFlat = variance == 0
        let skewness = isFlat ? 0 : sums.third / count / pow(variance, 1.5)
        let kurtosis = isFlat ? 0 : sums.fourth / count / (variance * variance)
        let (least, most) = (sorted.first ?? 0, sorted.last ?? 0)
        return [
            low, high, sums.energy, entropy, percentile(sorted, 75) - percentile(sorted, 25), kurtosis, most,
            sums.absolute / count, mean, percentile(sorted, 50), least, most - least, robust,
            (sums.energy / count).squareRoot(), skewness, sums.energy * pixelArea,
            probabilities.reduce(0) { $0 + $1 * $1 }, variance,
        ]
    }

    /// NumPy's percentile with linear interpolation.
    private static func percentile(_ sorted: [Double], _ percent: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        let place = percent / 100 * Double(sorted.count - 1)
        let index = Int(place)
        guard index + 1 < sorted.count else { return sorted[sorted.count - 1] }
        let (a, b, part) = (sorted[index], sorted[index + 1], place - Double(index))
        return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part)
    }
}
