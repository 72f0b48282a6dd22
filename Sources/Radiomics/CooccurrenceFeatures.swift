import Foundation
import RadiomicsKernels

/// The features of grey level co-occurrence matrices (Haralick et al., 1973), in the order of `FeatureClass.glcm`: the
/// mean over the directions right, down and both diagonals, each at a distance of one pixel and symmetric.
enum CooccurrenceFeatures {
    private static let epsilon = Double.ulpOfOne

    static func compute(_ region: RegionOfLevels) -> [Double] {
        let size = region.levels.count + 1
        var counts = [UInt32](repeating: 0, count: size * size)
        var spare = counts
        var total = [Double](repeating: 0, count: FeatureClass.glcm.features.count)
        var directions = 0
        for offset in [1, region.stride, region.stride + 1, region.stride - 1] {
            for index in counts.indices { counts[index] = 0 }
            region.ranks.withUnsafeBufferPointer { ranks in
                guard let ranks = ranks.baseAddress else { return }
                RadiomicsCooccurrence.count(
                    ranks + region.stride + 1, width: region.width, height: region.height, stride: region.stride,
                    offset: offset, size: size, to: &counts, spare: &spare)
            }
            guard let features = features(counts, size, region.levels) else { continue }
            for index in total.indices { total[index] += features[index] }
            directions += 1
        }
        return total.map { $0 / Double(directions) }
    }

    /// The features of one direction; nil where no two pixels are neighbours.
    private static func features(_ counts: [UInt32], _ size: Int, _ levels: [Int]) -> [Double]? {
        let number = levels.count
        var sum = 0
        for row in 1..<size { for column in 1..<size { sum += Int(counts[row * size + column]) } }
        guard sum > 0 else { return nil }
        let scale = 1 / (2 * Double(sum))
        let most = levels[number - 1]
        let levelValues = levels.map(Double.init)
        var marginal = [Double](repeating: 0, count: number)
        var sums = [Double](repeating: 0, count: 2 * most + 1)
        var differences = [Double](repeating: 0, count: most)
        var (autocorrelation, energy, entropy, largest) = (0.0, 0.0, 0.0, 0.0)
        // The correction for pyradiomics' epsilon inside the logarithm of products of marginals.
        var inverses = 0.0
        var cells: [(row: Int, column: Int, p: Double)] = []
        for row in 0..<number {
            for column in row..<number {
                let count = counts[(row + 1) * size + column + 1] + counts[(column + 1) * size + row + 1]
                if count == 0 { continue }
                let p = Double(count) * scale
                let weight = row == column ? p : 2 * p
                cells.append((row, column, p))
                marginal[row] += p
                if row != column { marginal[column] += p }
                sums[levels[row] + levels[column]] += weight
                differences[levels[column] - levels[row]] += weight
                autocorrelation += weight * levelValues[row] * levelValues[column]
                energy += weight * p
                entropy -= weight * log2(p + epsilon)
                largest = max(largest, p)
            }
        }
        let mean = zip(marginal, levelValues).reduce(0) { $0 + $1.0 * $1.1 }
        var (prominence, shade, tendency, covariance) = (0.0, 0.0, 0.0, 0.0)
        for cell in cells {
            let weight = cell.row == cell.column ? cell.p : 2 * cell.p
            let (a, b) = (levelValues[cell.row] - mean, levelValues[cell.column] - mean)
            let both = a + b
            tendency += weight * both * both
            shade += weight * both * both * both
            prominence += weight * both * both * both * both
            covariance += weight * a * b
            let product = marginal[cell.row] * marginal[cell.column]
            if product > 0 { inverses += weight / product }
        }
        let squares = zip(marginal, levelValues).reduce(0) { $0 + $1.0 * ($1.1 - mean) * ($1.1 - mean) }
        let correlation = squares == 0 ? 1 : covariance / (squares + epsilon)
        let marginalEntropy = entropyOf(marginal)
        // Σ p log2(px py) separates into the marginals' entropies.
        let plain = marginal.reduce(0) { $1 > 0 ? $0 - $1 * log2($1) : $0 }
        let crossEntropy = 2 * plain - inverses * epsilon / M_LN2
        let productEntropy = 2 * plain - Double(number * number) * epsilon / M_LN2
        let isSingle = number == 1
        let first = marginalEntropy == 0 || isSingle ? 0 : (entropy - crossEntropy) / marginalEntropy
        let second = isSingle ? 0 : max(0, 1 - exp(-2 * (productEntropy - entropy))).squareRoot()

        var (contrast, average, idm, idmn, id, idn, inverseVariance) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        let levelCount = Double(most)
        for (k, p) in differences.enumerated() where p > 0 {
            let k = Double(k)
            contrast += p * k * k
            average += p * k
            idm += p / (1 + k * k)
            idmn += p / (1 + k * k / (levelCount * levelCount))
            id += p / (1 + k)
            idn += p / (1 + k / levelCount)
            if k > 0 { inverseVariance += p / (k * k) }
        }
        var differenceVariance = 0.0
        for (k, p) in differences.enumerated() {
            differenceVariance += p * (Double(k) - average) * (Double(k) - average)
        }
        return [
            autocorrelation, mean, prominence, shade, tendency, contrast, correlation, average,
            entropyOf(differences), differenceVariance, energy, entropy, first, second, idm, idmn, id, idn,
            inverseVariance, largest, entropyOf(sums), squares,
        ]
    }

    private static func entropyOf(_ probabilities: [Double]) -> Double {
        -probabilities.reduce(0) { $1 > 0 ? $0 + $1 * log2($1 + epsilon) : $0 }
    }
}
