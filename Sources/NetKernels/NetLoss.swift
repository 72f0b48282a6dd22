import Foundation
import Threading

/// Losses, summed in f64, and their gradients for each value.
public enum NetLoss {
    /// Σ max(x, 0) - x t + log(1 + e^-|x|), the binary cross entropy of the sigmoid; gradient = (sigmoid(x) - t) · scale.
    /// Targets that are NaN are left out: they add nothing, and their gradient is 0.
    public static func binaryCrossEntropy(
        _ x: UnsafePointer<Float>, _ target: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>, count: Int,
        scale: Double
    ) -> Double {
        var sum = 0.0
        for index in 0..<count {
            let (value, wanted) = (Double(x[index]), Double(target[index]))
            if wanted.isNaN {
                gradient[index] = 0
                continue
            }
            let tail = exp(-abs(value))
            sum += (value > 0 ? value : value.isNaN ? value : 0) - value * wanted + log1p(tail)
            let probability = value >= 0 ? 1 / (1 + tail) : tail / (1 + tail)
            gradient[index] = Float((probability - wanted) * scale)
        }
        return sum
    }

    /// Σ log Σ e^x - x[t] over rows of `columns` logits; gradient = (softmax(x) - one-hot(t)) · scale. Rows whose target is below 0 add
    /// nothing, and their gradient is 0.
    public static func crossEntropy(
        _ x: UnsafePointer<Float>, _ targets: UnsafePointer<Int64>, _ gradient: UnsafeMutablePointer<Float>, rows: Int,
        columns: Int, scale: Double
    ) -> Double {
        let sums = UnsafeMutablePointer<Double>.allocate(capacity: max(1, rows))
        defer { sums.deallocate() }
        Parallel.forRanges(rows, grain: max(1, 8192 / max(1, columns))) { range in
            for row in range {
                sums[row] = crossEntropyRow(
                    x + row * columns, Int(targets[row]), gradient + row * columns, columns, scale)
            }
        }
        return (0..<rows).reduce(0) { $0 + sums[$1] }
    }

    private static func crossEntropyRow(
        _ line: UnsafePointer<Float>, _ target: Int, _ gradient: UnsafeMutablePointer<Float>, _ columns: Int,
        _ scale: Double
    ) -> Double {
        guard target >= 0 else {
            gradient.update(repeating: 0, count: columns)
            return 0
        }
        var top = -Double.infinity
        for column in 0..<columns { top = max(top, Double(line[column])) }
        var total = 0.0
        for column in 0..<columns { total += exp(Double(line[column]) - top) }
        for column in 0..<columns {
            let probability = exp(Double(line[column]) - top) / total
            gradient[column] = Float((probability - (column == target ? 1 : 0)) * scale)
        }
        return top + log(total) - Double(line[target])
    }
}
