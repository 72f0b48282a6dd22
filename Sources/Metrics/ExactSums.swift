import COpenBLAS
import MetricKernels
import Tensors

/// The sums of features and of their outer products, held as whole numbers in units of 2⁻³⁰ and 2⁻⁶⁰.
///
/// Whole-number sums do not depend on the order or the grouping of rows, so sets may be cut and merged in any way and the
/// bits stay the same. A feature is rounded to a multiple of 2⁻³⁰ (an f32 of magnitude 2⁻⁷ or more is one already) and cut
/// into digits of 20 bits; products of digits are summed by `dsyrk`, which rounds nothing because 1024 of them stay below
/// 2⁵³. Plane p of a sum counts units of 2²⁰ᵖ. Magnitudes up to 2048 need two digits and three planes; larger ones work the
/// same with more, at the cost of more products.
struct ExactSums {
    /// The most rows whose sums stay exact.
    static let blockRows = 1024

    let dimension: Int
    /// Sums of columns, D a plane.
    private(set) var sums: [Scratch<Int64>] = []
    /// Sums of products, the upper triangle packed by rows, `D (D + 1) / 2` a plane.
    private(set) var products: [Scratch<Int64>] = []

    /// The number of elements of a packed triangle, or nil where it overflows.
    static func packedCount(_ dimension: Int) -> Int? {
        let (square, overflow) = dimension.multipliedReportingOverflow(by: dimension)
        return overflow ? nil : (square - dimension) / 2 + dimension
    }

    init(dimension: Int) { self.dimension = dimension }

    /// Takes planes that a file holds.
    init(dimension: Int, sums: [Scratch<Int64>], products: [Scratch<Int64>]) {
        self.dimension = dimension
        self.sums = sums
        self.products = products
    }

    /// Adds a block of at most `blockRows` rows of multiples of 2⁻³⁰ with magnitudes up to `largest`; overwrites the block.
    mutating func add(_ block: Scratch<Double>, rows: Int, largest: Double) throws {
        let square = try Scratch<Double>(dimension, dimension)
        let digits = try Scratch<Double>(rows, dimension)
        if largest <= 0x1p41 {
            try ensurePlanes(3, 2)
            MetricExactSums.splitLowestDigit(block.pointer, count: digits.count, to: digits.pointer)
            addColumns(digits, rows, plane: 0)
            addColumns(block, rows, plane: 1)
            // (high + low)² - high² - low² gives both cross products for one more product instead of two.
            multiply(digits, rows, into: square)
            accumulate(square, plane: 0, sign: 1)
            accumulate(square, plane: 1, sign: -1)
            multiply(block, rows, into: square)
            accumulate(square, plane: 2, sign: 1)
            accumulate(square, plane: 1, sign: -1)
            MetricExactSums.add(digits.pointer, count: digits.count, to: block.pointer)
            multiply(block, rows, into: square)
            accumulate(square, plane: 1, sign: 1)
        } else {
            try addWide(block, rows, largest, square)
        }
        try normalise()
    }

    /// Adds another set's sums.
    mutating func add(_ other: ExactSums) throws {
        try ensurePlanes(other.products.count, other.sums.count)
        for plane in other.products.indices {
            ExactSums.add(other.products[plane], to: products[plane])
        }
        for plane in other.sums.indices { ExactSums.add(other.sums[plane], to: sums[plane]) }
        try normalise()
    }

    /// A copy that shares nothing.
    func copy() throws -> ExactSums {
        var result = ExactSums(dimension: dimension)
        try result.ensurePlanes(products.count, sums.count)
        for plane in products.indices {
            result.products[plane].pointer.update(from: products[plane].pointer, count: products[plane].count)
        }
        for plane in sums.indices {
            result.sums[plane].pointer.update(from: sums[plane].pointer, count: dimension)
        }
        return result
    }

    /// Any magnitudes that f32 has: every pair of digits is multiplied.
    private mutating func addWide(
        _ block: Scratch<Double>, _ rows: Int, _ largest: Double, _ square: Scratch<Double>
    ) throws {
        // One bit more than the magnitude has, as balanced digits may carry.
        let bits = Int(largest.exponent) + 2
        let digitBits = MetricExactSums.digitBits
        let digits = try (0..<(bits + digitBits - 1) / digitBits).map { _ in try Scratch<Double>(rows, dimension) }
        try ensurePlanes(max(3, 2 * digits.count - 1), max(2, digits.count))
        for digit in digits {
            MetricExactSums.splitLowestDigit(block.pointer, count: rows * dimension, to: digit.pointer)
        }
        for upper in digits.indices {
            addColumns(digits[upper], rows, plane: upper)
            multiply(digits[upper], rows, into: square)
            accumulate(square, plane: 2 * upper, sign: 1)
            for lower in 0..<upper {
                cblas_dsyr2k(
                    CblasRowMajor, CblasUpper, CblasTrans, Int32(dimension), Int32(rows), 1, digits[lower].pointer,
                    Int32(dimension), digits[upper].pointer, Int32(dimension), 0, square.pointer, Int32(dimension))
                accumulate(square, plane: lower + upper, sign: 1)
            }
        }
    }

    private func multiply(_ digits: Scratch<Double>, _ rows: Int, into square: Scratch<Double>) {
        cblas_dsyrk(
            CblasRowMajor, CblasUpper, CblasTrans, Int32(dimension), Int32(rows), 1, digits.pointer, Int32(dimension),
            0, square.pointer, Int32(dimension))
    }

    private func accumulate(_ square: Scratch<Double>, plane: Int, sign: Int64) {
        MetricExactSums.addTriangle(square.pointer, size: dimension, sign: sign, to: products[plane].pointer)
    }

    private func addColumns(_ digits: Scratch<Double>, _ rows: Int, plane: Int) {
        MetricExactSums.addColumnSums(digits.pointer, rows: rows, columns: dimension, to: sums[plane].pointer)
    }

    private mutating func ensurePlanes(_ productPlanes: Int, _ sumPlanes: Int) throws {
        guard let packed = ExactSums.packedCount(dimension) else { throw TensorError.outOfMemory(bytes: Int.max) }
        while products.count < productPlanes {
            let plane = try Scratch<Int64>(packed)
            plane.fill(0)
            products.append(plane)
        }
        while sums.count < sumPlanes {
            let plane = try Scratch<Int64>(dimension)
            plane.fill(0)
            sums.append(plane)
        }
    }

    /// Carries every plane's excess upwards, so that equal sums have equal bits however they came about.
    private func normalise() throws {
        for planes in [products, sums] {
            for plane in 0..<max(0, planes.count - 1) {
                MetricExactSums.carry(
                    planes[plane].pointer, to: planes[plane + 1].pointer, count: planes[plane].count)
            }
            if let top = planes.last, top.buffer.contains(where: { $0.magnitude >= 1 << 61 }) {
                throw MetricError.value(metric: "moments", message: "the sums of so many large features overflow")
            }
        }
    }

    private static func add(_ source: Scratch<Int64>, to target: Scratch<Int64>) {
        let (from, to) = (source.pointer, target.pointer)
        for index in 0..<source.count { to[index] &+= from[index] }
    }
}
