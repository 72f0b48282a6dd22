/// The largest or smallest element along one dimension, and where it is.
public enum ExtremeKernels {
    /// Finds, for every row, the first extreme element and its index. NaN counts as the extreme. The dimension has at
    /// least one element. `values` has room for one element of type `compute` a row.
    public static func run(
        maximum: Bool, _ source: StridedView, _ dimension: ReducedDimension, compute: ComputeType,
        indices: UnsafeMutablePointer<Int64>, values: UnsafeMutableRawPointer
    ) {
        switch compute {
        case .f32: run(maximum, source, dimension, Float.self, indices, values)
        case .f64: run(maximum, source, dimension, Double.self, indices, values)
        case .i64: run(maximum, source, dimension, Int64.self, indices, values)
        }
    }

    @inline(__always)
    private static func run<C: Computed & Comparable>(
        _ maximum: Bool, _ source: StridedView, _ dimension: ReducedDimension, _: C.Type,
        _ indices: UnsafeMutablePointer<Int64>, _ values: UnsafeMutableRawPointer
    ) {
        if dimension.rows == 0 || dimension.length == 0 { return }
        let best = values.assumingMemoryBound(to: C.self)
        if maximum {
            dimension.inner == 1
                ? rows(source, dimension, best, indices) { $0 > $1 }
                : columns(source, dimension, best, indices) { $0 > $1 }
        } else {
            dimension.inner == 1
                ? rows(source, dimension, best, indices) { $0 < $1 }
                : columns(source, dimension, best, indices) { $0 < $1 }
        }
    }

    @inline(__always)
    private static func rows<C: Computed & Comparable>(
        _ source: StridedView, _ dimension: ReducedDimension, _ best: UnsafeMutablePointer<C>,
        _ indices: UnsafeMutablePointer<Int64>, _ beats: (C, C) -> Bool
    ) {
        let block = ReductionKernels.block
        let length = dimension.length
        Parallel.forRanges(dimension.outer, grain: max(1, block / length)) { range in
            let scratch = UnsafeMutablePointer<C>.allocate(capacity: min(block, length))
            defer { scratch.deallocate() }
            for row in range {
                for start in stride(from: 0, to: length, by: block) {
                    let count = min(block, length - start)
                    let values = source.load(row * length + start, count, scratch)
                    let index = RowReduction.firstExtreme(values, count, beats)
                    let value = values[index]
                    let wins = beats(value, best[row]) || (value != value && best[row] == best[row])
                    if start == 0 || wins {
                        best[row] = value
                        indices[row] = Int64(start + index)
                    }
                }
            }
        }
    }

    @inline(__always)
    private static func columns<C: Computed & Comparable>(
        _ source: StridedView, _ dimension: ReducedDimension, _ best: UnsafeMutablePointer<C>,
        _ indices: UnsafeMutablePointer<Int64>, _ beats: (C, C) -> Bool
    ) {
        let (length, inner) = (dimension.length, dimension.inner)
        let width = 512
        let bands = (inner + width - 1) / width
        Parallel.forRanges(dimension.outer * bands, grain: max(1, 16384 / (length * min(inner, width)))) { range in
            let scratch = UnsafeMutablePointer<C>.allocate(capacity: width)
            defer { scratch.deallocate() }
            for unit in range {
                let outer = unit / bands
                let left = (unit - outer * bands) * width
                let count = min(width, inner - left)
                let top = best + outer * inner + left
                let places = indices + outer * inner + left
                for line in 0..<length {
                    let values = source.load((outer * length + line) * inner + left, count, scratch)
                    if line == 0 {
                        top.update(from: values, count: count)
                        places.update(repeating: 0, count: count)
                        continue
                    }
                    for i in 0..<count {
                        let value = values[i]
                        let wins = beats(value, top[i]) || (value != value && top[i] == top[i])
                        top[i] = wins ? value : top[i]
                        places[i] = wins ? Int64(line) : places[i]
                    }
                }
            }
        }
    }
}
