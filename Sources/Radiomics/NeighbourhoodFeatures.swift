import RadiomicsKernels

/// The features of the neighbouring grey tone difference matrix (Amadasun and King, 1989), in the order of
/// `FeatureClass.ngtdm`.
enum NeighbourhoodFeatures {
    static func compute(_ region: RegionOfLevels) -> [Double] {
        let ranks = region.levels.count + 1
        let values: [Int32] = [0] + region.levels.map { Int32(clamping: $0) }
        var members = [Double](repeating: 0, count: ranks)
        var differences = members
        var scratch = [Int32](repeating: 0, count: 6 * (region.width + 2))
        region.ranks.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            RadiomicsCooccurrence.nearestDifferences(
                base + region.stride + 1, width: region.width, height: region.height, stride: region.stride,
                values: values, scratch: &scratch, members: &members, differences: &differences)
        }
        let number = region.levels.count
        let total = Double(region.values.count)
        let p = (1..<ranks).map { members[$0] / total }
        let s = Array(differences[1..<ranks])
        let level = region.levels.map(Double.init)
        let allDifferences = s.reduce(0, +)
        let weighted = zip(p, s).reduce(0) { $0 + $1.0 * $1.1 }
        var (spread, gaps, complexity, strength) = (0.0, 0.0, 0.0, 0.0)
        for i in 0..<number {
            for j in 0..<number where i != j {
                let gap = level[i] - level[j]
                spread += p[i] * p[j] * gap * gap
                gaps += abs(level[i] * p[i] - level[j] * p[j])
                complexity += abs(gap) * (p[i] * s[i] + p[j] * s[j]) / (p[i] + p[j])
                strength += (p[i] + p[j]) * gap * gap
            }
        }
        let pairs = Double(number * (number - 1))
        return [
            gaps == 0 ? 0 : weighted / gaps, weighted == 0 ? 1e6 : 1 / weighted, complexity / total,
            number == 1 ? 0 : spread * allDifferences / total / pairs,
            allDifferences == 0 ? 0 : strength / allDifferences,
        ]
    }
}
