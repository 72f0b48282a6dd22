import Threading

/// The largest or smallest element along one dimension, and where it is.
public enum ExtremeKernels {
    /// Finds, for every row, the first extreme element and its index. NaN counts as the extreme. The dimension has at
    /// least one element. `values` has room for one element of type `compute` a row.
    /// - Returns: whether all was done: false after a request to stop.
    public static func run(
        maximum: Bool, _ source: StridedView, _ dimension: ReducedDimension, compute: ComputeType,
        indices: UnsafeMutablePointer<Int64>, values: UnsafeMutableRawPointer
    ) -> Bool {
        switch compute {
        case .f32: return run(maximum, source, dimension, Float.self, indices, values)
        case .f64: return run(maximum, source, dimension, Double.self, indices, values)
        case .i64: return run(maximum, source, dimension, Int64.self, indices, values)
        }
    }

    @inline(__always)
    private static func run<C: Computed & Comparable>(
        _ maximum: Bool, _ source: StridedView, _ dimension: ReducedDimension, _: C.Type,
        _ indices: UnsafeMutablePointer<Int64>, _ values: UnsafeMutableRawPointer
    ) -> Bool {
        if dimension.rows == 0 || dimension.length == 0 { return true }
        let best = values.assumingMemoryBound(to: C.self)
        return maximum
            ? find(source, dimension, best, indices, Largest<C>())
            : find(source, dimension, best, indices, Smallest<C>())
    }

    private static func find<O: ElementOrder>(
        _ source: StridedView, _ dimension: ReducedDimension, _ best: UnsafeMutablePointer<O.Element>,
        _ indices: UnsafeMutablePointer<Int64>, _ order: O
    ) -> Bool {
        dimension.inner == 1
            ? rows(source, dimension, best, indices, order) : columns(source, dimension, best, indices, order)
    }

    @inline(__always)
    private static func rows<O: ElementOrder>(
        _ source: StridedView, _ dimension: ReducedDimension, _ best: UnsafeMutablePointer<O.Element>,
        _ indices: UnsafeMutablePointer<Int64>, _ order: O
    ) -> Bool {
        let block = ReductionKernels.block
        let length = dimension.length
        let piece = KernelOutcome.piece
        let isWhole = Flag(true)
        let isDone = Parallel.forPieces(
            dimension.outer, grain: max(1, block / length), piece: max(1, piece / length)
        ) { range in
            let scratch = UnsafeMutablePointer<O.Element>.allocate(capacity: min(block, length))
            defer { scratch.deallocate() }
            for row in range {
                for start in stride(from: 0, to: length, by: block) {
                    if start % piece == piece - block, Stop.isRequested { return isWhole.clear() }
                    let count = min(block, length - start)
                    let values = source.load(row * length + start, count, scratch)
                    let index = RowReduction.firstExtreme(values, count, order)
                    let value = values[index]
                    let wins = order.beats(value, best[row]) || (value != value && best[row] == best[row])
                    if start == 0 || wins {
                        best[row] = value
                        indices[row] = Int64(start + index)
                    }
                }
            }
        }
        return isDone && isWhole.isSet
    }

    @inline(__always)
    private static func columns<O: ElementOrder>(
        _ source: StridedView, _ dimension: ReducedDimension, _ best: UnsafeMutablePointer<O.Element>,
        _ indices: UnsafeMutablePointer<Int64>, _ order: O
    ) -> Bool {
        let (length, inner) = (dimension.length, dimension.inner)
        let width = 512
        let bands = (inner + width - 1) / width
        let lines = KernelOutcome.piece / width
        let (grain, piece) = (max(1, 16384 / (length * min(inner, width))), max(1, lines / length))
        let isWhole = Flag(true)
        let isDone = Parallel.forPieces(dimension.outer * bands, grain: grain, piece: piece) { range in
            let scratch = UnsafeMutablePointer<O.Element>.allocate(capacity: width)
            defer { scratch.deallocate() }
            for unit in range {
                let outer = unit / bands
                let left = (unit - outer * bands) * width
                let count = min(width, inner - left)
                let top = best + outer * inner + left
                let places = indices + outer * inner + left
                for line in 0..<length {
                    if line % lines == lines - 1, Stop.isRequested { return isWhole.clear() }
                    let values = source.load((outer * length + line) * inner + left, count, scratch)
                    if line == 0 {
                        top.update(from: values, count: count)
                        places.update(repeating: 0, count: count)
                        continue
                    }
                    for i in 0..<count {
                        let value = values[i]
                        let wins = order.beats(value, top[i]) || (value != value && top[i] == top[i])
                        top[i] = wins ? value : top[i]
                        places[i] = wins ? Int64(line) : places[i]
                    }
                }
            }
        }
        return isDone && isWhole.isSet
    }
}
