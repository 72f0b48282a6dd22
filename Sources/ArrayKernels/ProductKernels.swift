import Threading

/// Matrix products that libraries do not offer, or not in a way that every row is the same in any company.
public enum ProductKernels {
    /// Multiplications between two looks for a request to stop.
    private static let piece = 1 << 28

    /// `c = a b` for row-major matrices `[m, k]`, `[k, n]` and `[m, n]`, carried in double; for a small `n * k`.
    /// Each row of the result depends on its own row of `a` only.
    /// - Returns: whether all was done: false after a request to stop.
    public static func multiply(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, m: Int, n: Int, k: Int
    ) -> Bool {
        let work = max(1, n * k)
        return Parallel.forPieces(m, grain: max(1, 65536 / work), piece: max(1, piece / work)) { range in
            let sums = UnsafeMutablePointer<Double>.allocate(capacity: n)
            defer { sums.deallocate() }
            for row in range {
                let left = a + row * k
                if n == 1 {
                    c[row] = Float(dot(left, b, k))
                    continue
                }
                sums.initialize(repeating: 0, count: n)
                for inner in 0..<k {
                    let factor = Double(left[inner])
                    let line = b + inner * n
                    for column in 0..<n { sums[column].addProduct(factor, Double(line[column])) }
                }
                for column in 0..<n { c[row * n + column] = Float(sums[column]) }
            }
        }
    }

    /// `c = a b` for row-major integer matrices; wraps.
    /// - Returns: whether all was done: false after a request to stop.
    public static func multiply(
        _ a: UnsafePointer<Int64>, _ b: UnsafePointer<Int64>, _ c: UnsafeMutablePointer<Int64>, m: Int, n: Int, k: Int
    ) -> Bool {
        let work = max(1, n * k)
        return Parallel.forPieces(m, grain: max(1, 65536 / work), piece: max(1, piece / work)) { range in
            for row in range {
                let sums = c + row * n
                sums.initialize(repeating: 0, count: n)
                for inner in 0..<k {
                    let factor = a[row * k + inner]
                    let line = b + inner * n
                    for column in 0..<n { sums[column] = sums[column] &+ factor &* line[column] }
                }
            }
        }
    }

    private static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Double {
        let lanes = 16
        let whole = count - count % lanes
        var sums = SIMD16<Double>()
        var start = 0
        while start < whole {
            for lane in 0..<lanes { sums[lane].addProduct(Double(a[start + lane]), Double(b[start + lane])) }
            start += lanes
        }
        var total = sums.sum()
        for index in whole..<count { total.addProduct(Double(a[index]), Double(b[index])) }
        return total
    }
}
