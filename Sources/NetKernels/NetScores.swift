import ArrayKernels

/// What happens to a tile of attention's scores f32 `[rows, columns]` before its softmax.
public enum NetScores {
    /// A score that the softmax makes 0 of, beside any other. A power of two: scaled, it is exact, so that hidden keys of a row
    /// with no others weigh 1 each, and not e to the power of a rounding error of 1e22.
    private static let hidden: Float = -0x1p99

    /// scores = cap · tanh(scores · scale / cap).
    public static func bend(_ scores: UnsafeMutablePointer<Float>, scale: Float, cap: Float, count: Int) {
        let inner = scale / cap
        for index in 0..<count { scores[index] = cap * fastTanh(scores[index] * inner) }
    }

    /// Hides the columns from `from` on.
    public static func hide(_ scores: UnsafeMutablePointer<Float>, rows: Int, columns: Int, from: Int) {
        let first = max(0, from)
        if first >= columns { return }
        for row in 0..<rows { for column in first..<columns { scores[row * columns + column] = hidden } }
    }

    /// Hides columns from `from` on that are no keys: beside hidden keys, too, they weigh nothing.
    public static func cut(_ scores: UnsafeMutablePointer<Float>, rows: Int, columns: Int, from: Int) {
        for row in 0..<rows {
            for column in min(from, columns)..<columns { scores[row * columns + column] = -.infinity }
        }
    }

    /// Hides the keys behind each query, and those that lie before its window.
    /// - Parameters:
    ///   - firstPlace: the key at which the first query stands.
    ///   - firstColumn: the key of the first column.
    ///   - window: how many keys up to its own a query sees; nil is all.
    public static func hideOutside(
        _ scores: UnsafeMutablePointer<Float>, rows: Int, columns: Int, firstPlace: Int, firstColumn: Int, window: Int?
    ) {
        for row in 0..<rows {
            let next = firstPlace + row + 1 - firstColumn
            let line = scores + row * columns
            for column in min(max(0, next), columns)..<columns { line[column] = hidden }
            guard let window else { continue }
            for column in 0..<min(max(0, next - window), columns) { line[column] = hidden }
        }
    }

    /// scores = scores · scale + bias; -infinity hides a key.
    /// - Parameters:
    ///   - stride: elements from one row of the bias to the next.
    ///   - biasColumns: columns that have a bias; the others are hidden by the caller.
    public static func add(
        _ scores: UnsafeMutablePointer<Float>, rows: Int, columns: Int, scale: Float, _ bias: UnsafePointer<Float>,
        stride: Int, biasColumns: Int
    ) {
        for row in 0..<rows {
            let (line, own) = (scores + row * columns, bias + row * stride)
            for column in 0..<biasColumns {
                let value = line[column] * scale + own[column]
                line[column] = value < hidden ? hidden : value
            }
        }
    }

    /// slopes *= 1 - (bent / cap)², the derivative of `bend` where it gave `bent`.
    public static func multiplyBend(
        _ bent: UnsafePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, cap: Float, count: Int
    ) {
        for index in 0..<count {
            let part = bent[index] / cap
            slopes[index] *= 1 - part * part
        }
    }
}
