import Threading

/// What is added up (or multiplied) over the elements of a row.
public enum ReductionKernel: Sendable {
    case sum, product
    /// How many elements are not 0.
    case nonzero
    /// Σ |x|^p, floats only.
    case powers(Double)
    /// Σ (x - centre)², floats only; the centres are given, one for each row.
    case deviations
}

/// A dimension to reduce: the array is seen as `[outer, length, inner]`, in row-major order, and a row is the elements
/// that share `outer` and `inner`.
public struct ReducedDimension: Sendable {
    let outer: Int
    let length: Int
    let inner: Int
    /// How many rows there are, so results.
    public var rows: Int { outer * inner }

    /// - Parameters: the product of the sizes before the dimension, its size, the product of those after it.
    public init(outer: Int, length: Int, inner: Int) {
        self.outer = outer
        self.length = length
        self.inner = inner
    }
}

/// Sums along one dimension. Floats are carried in double, integers wrap; the order of additions depends on the sizes
/// only, never on the number of threads.
public enum ReductionKernels {
    /// Elements of a row that one piece of work adds up.
    static let block = 32768

    /// How many words of 8 bytes a reduction works in: one for each block of rows that are longer than one.
    public static func workWords(_ dimension: ReducedDimension) -> Int {
        dimension.inner == 1 && dimension.length > block
            ? dimension.outer * ((dimension.length + block - 1) / block) : 0
    }

    /// Reduces floats, calculated in `compute` (`.f32` or `.f64`), into one double a row.
    /// - Parameter work: room for `workWords(dimension)` words.
    /// - Returns: whether all was done: false after a request to stop.
    public static func run(
        _ kernel: ReductionKernel, _ source: StridedView, _ dimension: ReducedDimension, compute: ComputeType,
        centres: UnsafePointer<Double>? = nil, work: UnsafeMutableRawPointer, into result: UnsafeMutablePointer<Double>
    ) -> Bool {
        compute == .f32
            ? run(kernel, source, dimension, Float.self, centres, work, result)
            : run(kernel, source, dimension, Double.self, centres, work, result)
    }

    /// Reduces integers and truth values by `sum`, `product` or `nonzero` into one integer a row; see the other `run`.
    public static func run(
        _ kernel: ReductionKernel, _ source: StridedView, _ dimension: ReducedDimension,
        work: UnsafeMutableRawPointer, into result: UnsafeMutablePointer<Int64>
    ) -> Bool {
        switch kernel {
        case .product: return reduce(source, dimension, nil, true, work, result, IntegerTerm())
        case .nonzero: return reduce(source, dimension, nil, false, work, result, NonzeroTerm<Int64, Int64>())
        default: return reduce(source, dimension, nil, false, work, result, IntegerTerm())
        }
    }

    @inline(__always)
    private static func run<C: Computed & BinaryFloatingPoint>(
        _ kernel: ReductionKernel, _ source: StridedView, _ dimension: ReducedDimension, _: C.Type,
        _ centres: UnsafePointer<Double>?, _ work: UnsafeMutableRawPointer, _ result: UnsafeMutablePointer<Double>
    ) -> Bool {
        switch kernel {
        case .sum: return reduce(source, dimension, nil, false, work, result, ValueTerm<C>())
        case .product: return reduce(source, dimension, nil, true, work, result, ValueTerm<C>())
        case .nonzero: return reduce(source, dimension, nil, false, work, result, NonzeroTerm<C, Double>())
        case .powers(1): return reduce(source, dimension, nil, false, work, result, MagnitudeTerm<C>())
        case .powers(2): return reduce(source, dimension, nil, false, work, result, SquareTerm<C>())
        case .powers(let exponent):
            return reduce(source, dimension, nil, false, work, result, PowerTerm<C>(exponent: exponent))
        case .deviations: return reduce(source, dimension, centres, false, work, result, DeviationTerm<C>())
        }
    }

    @inline(__always)
    private static func reduce<T: ReductionTerm>(
        _ source: StridedView, _ dimension: ReducedDimension, _ centres: UnsafePointer<Double>?, _ product: Bool,
        _ work: UnsafeMutableRawPointer, _ result: UnsafeMutablePointer<T.Sum>, _ term: T
    ) -> Bool {
        if dimension.rows == 0 { return true }
        result.initialize(repeating: product ? T.Sum.unit : T.Sum.nought, count: dimension.rows)
        if dimension.length == 0 { return true }
        return dimension.inner == 1
            ? reduceRows(source, dimension, centres, product, work, result, term)
            : reduceColumns(source, dimension, centres, product, result, term)
    }

    /// Rows that lie one after the other: long ones in blocks, whose results are put together in order.
    @inline(__always)
    private static func reduceRows<T: ReductionTerm>(
        _ source: StridedView, _ dimension: ReducedDimension, _ centres: UnsafePointer<Double>?, _ product: Bool,
        _ work: UnsafeMutableRawPointer, _ result: UnsafeMutablePointer<T.Sum>, _ term: T
    ) -> Bool {
        let (rows, length) = (dimension.outer, dimension.length)
        let blocks = (length + block - 1) / block
        let partial = blocks == 1 ? result : work.bindMemory(to: T.Sum.self, capacity: rows * blocks)
        let piece = max(1, KernelOutcome.piece / min(block, length))
        let isDone = Parallel.forPieces(rows * blocks, grain: max(1, block / length), piece: piece) { range in
            let scratch = UnsafeMutablePointer<T.Element>.allocate(capacity: min(block, length))
            defer { scratch.deallocate() }
            for unit in range {
                let row = unit / blocks
                let start = (unit - row * blocks) * block
                let count = min(block, length - start)
                let values = source.load(row * length + start, count, scratch)
                let centre = centres.map { $0[row] } ?? 0
                partial[unit] =
                    product
                    ? RowReduction.lanedProduct(values, count) { term.value($0, centre) }
                    : RowReduction.laned(values, count) { term.value($0, centre) }
            }
        }
        if blocks == 1 || !isDone { return isDone }
        for row in 0..<rows {
            var total = partial[row * blocks]
            for index in 1..<blocks {
                let next = partial[row * blocks + index]
                total = product ? total.times(next) : total.plus(next)
            }
            result[row] = total
        }
        return true
    }

    /// Rows that lie side by side: whole lines of memory are added to a line of results.
    @inline(__always)
    private static func reduceColumns<T: ReductionTerm>(
        _ source: StridedView, _ dimension: ReducedDimension, _ centres: UnsafePointer<Double>?, _ product: Bool,
        _ result: UnsafeMutablePointer<T.Sum>, _ term: T
    ) -> Bool {
        let (length, inner) = (dimension.length, dimension.inner)
        let width = 512
        let bands = (inner + width - 1) / width
        let nothing = UnsafeMutablePointer<Double>.allocate(capacity: width)
        defer { nothing.deallocate() }
        nothing.initialize(repeating: 0, count: width)
        let lines = KernelOutcome.piece / width
        let (grain, piece) = (max(1, block / (length * min(inner, width))), max(1, lines / length))
        let isWhole = Flag(true)
        let isDone = Parallel.forPieces(dimension.outer * bands, grain: grain, piece: piece) { range in
            let scratch = UnsafeMutablePointer<T.Element>.allocate(capacity: width)
            defer { scratch.deallocate() }
            for unit in range {
                let outer = unit / bands
                let left = (unit - outer * bands) * width
                let count = min(width, inner - left)
                let sums = result + outer * inner + left
                let centre = centres.map { $0 + outer * inner + left } ?? UnsafePointer(nothing)
                for line in 0..<length {
                    if line % lines == lines - 1, Stop.isRequested { return isWhole.clear() }
                    let values = source.load((outer * length + line) * inner + left, count, scratch)
                    if product {
                        for i in 0..<count { sums[i] = sums[i].times(term.value(values[i], centre[i])) }
                    } else {
                        for i in 0..<count { sums[i] = sums[i].plus(term.value(values[i], centre[i])) }
                    }
                }
            }
        }
        return isDone && isWhole.isSet
    }
}
