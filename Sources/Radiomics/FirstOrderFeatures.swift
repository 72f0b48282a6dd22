import Foundation
import Kernels

/// The first-order features of a region, in the order of `FeatureClass.firstorder`.
enum FirstOrderFeatures {
    static func compute(_ region: RegionOfLevels, shift: Double, pixelArea: Double) -> [Double] {
        let values = region.values
        let count = Double(values.count)
        let (mean, sums) = values.withUnsafeBufferPointer { buffer -> (Double, RadiomicsSums.Central) in
            guard let base = buffer.baseAddress else { return (0, RadiomicsSums.Central()) }
            let mean = RadiomicsSums.pairwise(base, count: buffer.count) / count
            return (mean, RadiomicsSums.central(base, count: buffer.count, mean: mean, shift: shift))
        }
        let percents = percentiles(values, [10, 25, 50, 75, 90], region.minimum, region.maximum)
        let (low, high) = (percents[0], percents[4])
        let robust = RadiomicsSums.robustDeviation(values, count: values.count, low: low, high: high)
        let probabilities = region.counts.map { Double($0) / count }
        let entropy = -probabilities.reduce(0) { $0 + $1 * log2($1 + .ulpOfOne) }
        let variance = sums.second / count
        let isFlat = variance == 0
        let skewness = isFlat ? 0 : sums.third / count / pow(variance, 1.5)
        let kurtosis = isFlat ? 0 : sums.fourth / count / (variance * variance)
        let (least, most) = (region.minimum, region.maximum)
        return [
            low, high, sums.energy, entropy, percents[3] - percents[1], kurtosis, most,
            sums.absolute / count, mean, percents[2], least, most - least, robust,
            (sums.energy / count).squareRoot(), skewness, sums.energy * pixelArea,
            probabilities.reduce(0) { $0 + $1 * $1 }, variance,
        ]
    }

    /// NumPy's percentiles with linear interpolation.
    private static func percentiles(
        _ values: [Double], _ percents: [Double], _ minimum: Double, _ maximum: Double
    ) -> [Double] {
        let last = max(0, values.count - 1)
        let places = percents.map { $0 / 100 * Double(last) }
        let found = RadiomicsRanks.values(
            values, count: values.count, minimum: minimum, maximum: maximum,
            at: places.flatMap { [Int($0), min(Int($0) + 1, last)] })
        return places.indices.map { index in
            let (a, b) = (found[2 * index], found[2 * index + 1])
            let part = places[index] - places[index].rounded(.down)
            return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part)
        }
    }
}
