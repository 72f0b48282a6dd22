import ArrayKernels
import Foundation
import RadiomicsKernels

/// The first-order features of a region, in the order of `FeatureClass.firstorder`.
enum FirstOrderFeatures {
    static func compute(_ region: RegionOfLevels, shift: Double, pixelArea: Double) -> [Double] {
        let values = region.values
        let count = Double(values.count)
        let order = percentiles([10, 25, 50, 75, 90], of: region)
        let (mean, sums) = values.withUnsafeBufferPointer { buffer -> (Double, RadiomicsSums.Central) in
            guard let base = buffer.baseAddress else { return (0, RadiomicsSums.Central()) }
            let mean = PairwiseSum.of(base, count: buffer.count) / count
            return (mean, RadiomicsSums.central(base, count: buffer.count, mean: mean, shift: shift))
        }
        let (low, high) = (order[0], order[4])
        let robust = RadiomicsSums.robustDeviation(values, count: values.count, low: low, high: high)
        let probabilities = region.counts.map { Double($0) / count }
        let entropy = -probabilities.reduce(0) { $0 + $1 * log2($1 + .ulpOfOne) }
        let variance = sums.second / count
        let isFlat = variance == 0
        let skewness = isFlat ? 0 : sums.third / count / pow(variance, 1.5)
        let kurtosis = isFlat ? 0 : sums.fourth / count / (variance * variance)
        let (least, most) = region.range
        return [
            low, high, sums.energy, entropy, order[3] - order[1], kurtosis, most,
            sums.absolute / count, mean, order[2], least, most - least, robust,
            (sums.energy / count).squareRoot(), skewness, sums.energy * pixelArea,
            probabilities.reduce(0) { $0 + $1 * $1 }, variance,
        ]
    }

    /// NumPy's percentiles with linear interpolation.
    private static func percentiles(_ percents: [Double], of region: RegionOfLevels) -> [Double] {
        let values = region.values
        guard !values.isEmpty else { return percents.map { _ in 0 } }
        let places = percents.map { $0 / 100 * Double(values.count - 1) }
        let ranks = places.flatMap { [Int($0), min(Int($0) + 1, values.count - 1)] }
        let found = RadiomicsOrder.statistics(
            values, count: values.count, minimum: region.range.minimum, maximum: region.range.maximum, ranks: ranks)
        return places.enumerated().map { index, place in
            let (a, b, part) = (found[2 * index], found[2 * index + 1], place - place.rounded(.down))
            return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part)
        }
    }
}
