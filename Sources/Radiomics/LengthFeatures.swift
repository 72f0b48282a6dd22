import Foundation
import RadiomicsKernels

/// The sixteen features that run length and size zone matrices share: how often which size occurs at which grey level.
enum LengthFeatures {
    /// How often a size occurs at a level.
    struct Cell {
        let level: Double
        let size: Double
        let count: Double
    }

    /// What the matrices' features are made of.
    struct Sums {
        var greyNonUniformity = 0.0
        var greyNonUniformityNormalized = 0.0
        var greyVariance = 0.0
        var highGrey = 0.0
        var large = 0.0
        var largeHighGrey = 0.0
        var largeLowGrey = 0.0
        var lowGrey = 0.0
        var entropy = 0.0
        var sizeNonUniformity = 0.0
        var sizeNonUniformityNormalized = 0.0
        var percentage = 0.0
        var sizeVariance = 0.0
        var small = 0.0
        var smallHighGrey = 0.0
        var smallLowGrey = 0.0
    }

    /// The sums of a matrix over a region of `pixels`.
    static func sums(_ cells: [Cell], pixels: Int) -> Sums {
        var byLevel: [Double: Double] = [:]
        var bySize: [Double: Double] = [:]
        var result = Sums()
        let total = cells.reduce(0) { $0 + $1.count }
        for cell in cells {
            byLevel[cell.level, default: 0] += cell.count
            bySize[cell.size, default: 0] += cell.count
            let p = cell.count / total
            let (i2, j2) = (cell.level * cell.level, cell.size * cell.size)
            result.entropy -= p * log2(p + .ulpOfOne)
            result.large += p * j2
            result.small += p / j2
            result.highGrey += p * i2
            result.lowGrey += p / i2
            result.smallLowGrey += p / (i2 * j2)
            result.smallHighGrey += p * i2 / j2
            result.largeLowGrey += p * j2 / i2
            result.largeHighGrey += p * i2 * j2
        }
        func spread(_ table: [Double: Double]) -> (squares: Double, variance: Double) {
            // In rising order, so that sums do not depend on the order of a hash table.
            let rows = table.sorted { $0.key < $1.key }
            let mean = rows.reduce(0) { $0 + $1.key * $1.value / total }
            return (
                rows.reduce(0) { $0 + $1.value * $1.value },
                rows.reduce(0) { $0 + ($1.key - mean) * ($1.key - mean) * $1.value / total }
            )
        }
        let (levels, sizes) = (spread(byLevel), spread(bySize))
        result.greyNonUniformity = levels.squares / total
        result.greyNonUniformityNormalized = levels.squares / (total * total)
        result.greyVariance = levels.variance
        result.sizeNonUniformity = sizes.squares / total
        result.sizeNonUniformityNormalized = sizes.squares / (total * total)
        result.sizeVariance = sizes.variance
        result.percentage = total / Double(pixels)
        return result
    }

    /// Run lengths, in the order of `FeatureClass.glrlm`: the mean over four directions.
    static func runs(_ region: RegionOfLevels) -> [Double] {
        let longest = max(region.width, region.height)
        let ranks = region.levels.count + 1
        var counts = [UInt32](repeating: 0, count: ranks * longest)
        var scratch = [Int32](repeating: 0, count: 2 * (region.width + 2))
        var total = [Double](repeating: 0, count: FeatureClass.glrlm.features.count)
        for slope in [nil, 0, 1, -1] as [Int?] {
            for index in counts.indices { counts[index] = 0 }
            let found = region.ranks.withUnsafeBufferPointer { buffer -> Int in
                guard let base = buffer.baseAddress else { return 0 }
                let start = base + region.stride + 1
                guard let slope else {
                    return RadiomicsRuns.countAlongRows(
                        start, width: region.width, height: region.height, stride: region.stride, longest: longest,
                        to: &counts)
                }
                return RadiomicsRuns.countAcrossRows(
                    start, width: region.width, height: region.height, stride: region.stride, slope: slope,
                    longest: longest, lengths: &scratch, to: &counts)
            }
            var cells: [Cell] = []
            for rank in 1..<ranks {
                for length in 0..<found where counts[rank * longest + length] > 0 {
                    cells.append(
                        Cell(
                            level: Double(region.levels[rank - 1]), size: Double(length + 1),
                            count: Double(counts[rank * longest + length])))
                }
            }
            let s = sums(cells, pixels: region.values.count)
            let features = [
                s.greyNonUniformity, s.greyNonUniformityNormalized, s.greyVariance, s.highGrey, s.large,
                s.largeHighGrey, s.largeLowGrey, s.lowGrey, s.entropy, s.sizeNonUniformity,
                s.sizeNonUniformityNormalized, s.percentage, s.sizeVariance, s.small, s.smallHighGrey, s.smallLowGrey,
            ]
            for index in total.indices { total[index] += features[index] / 4 }
        }
        return total
    }

    /// Zones, in the order of `FeatureClass.glszm`.
    static func zones(_ region: RegionOfLevels) -> [Double] {
        let room = region.width * region.height
        var scratch = [Int32](repeating: 0, count: 2 * (region.width + 2))
        var parents = [Int32](repeating: 0, count: room)
        var sizes = parents
        var levels = [UInt16](repeating: 0, count: room)
        let labels = region.ranks.withUnsafeBufferPointer { buffer -> Int in
            guard let base = buffer.baseAddress else { return 0 }
            return RadiomicsZones.find(
                base + region.stride + 1, width: region.width, height: region.height, stride: region.stride,
                labels: &scratch, parents: &parents, sizes: &sizes, levels: &levels)
        }
        // Most zones are small: those are counted, the others sorted.
        let (small, ranks) = (16, region.levels.count + 1)
        var tally = [Int32](repeating: 0, count: small * ranks)
        var keys: [Int] = []
        for label in 0..<labels where sizes[label] > 0 {
            let (size, level) = (Int(sizes[label]), Int(levels[label]))
            if size <= small { tally[(size - 1) * ranks + level] += 1 } else { keys.append(size << 16 | level) }
        }
        keys.sort()
        var cells: [Cell] = []
        for size in 1...small {
            for level in 1..<ranks where tally[(size - 1) * ranks + level] > 0 {
                cells.append(
                    Cell(
                        level: Double(region.levels[level - 1]), size: Double(size),
                        count: Double(tally[(size - 1) * ranks + level])))
            }
        }
        var start = 0
        while start < keys.count {
            var end = start + 1
            while end < keys.count, keys[end] == keys[start] { end += 1 }
            cells.append(
                Cell(
                    level: Double(region.levels[(keys[start] & 0xFFFF) - 1]), size: Double(keys[start] >> 16),
                    count: Double(end - start)))
            start = end
        }
        let s = sums(cells, pixels: region.values.count)
        return [
            s.greyNonUniformity, s.greyNonUniformityNormalized, s.greyVariance, s.highGrey, s.large, s.largeHighGrey,
            s.largeLowGrey, s.lowGrey, s.sizeNonUniformity, s.sizeNonUniformityNormalized, s.small, s.smallHighGrey,
            s.smallLowGrey, s.entropy, s.percentage, s.sizeVariance,
        ]
    }
}
