import Threading

/// Copies between arrays of any strides and types.
public enum StridedCopy {
    /// Elements of one piece of work; small enough that its buffers stay in the first cache.
    static let tile = 2048
    /// Tiles between two looks for a request to stop: 16 million elements.
    private static let piece = 8192

    /// Copies all elements of `source`, in row-major order, over those of `target`, converting where the types differ.
    /// The two have equally many elements and do not overlap; no element of `target` appears twice.
    /// - Returns: whether all was done: false after a request to stop.
    public static func copy(_ source: StridedView, to target: StridedView) -> Bool {
        if source.count == 0 { return true }
        if source.type == target.type {
            switch source.type.size {
            case 8: return copyWords(source, target, UInt64.self)
            case 4: return copyWords(source, target, UInt32.self)
            case 2: return copyWords(source, target, UInt16.self)
            default: return copyWords(source, target, UInt8.self)
            }
        }
        switch source.type {
        case .f32, .bf16, .f16: return convert(source, target, Float.self)
        case .f64: return convert(source, target, Double.self)
        case .i64, .i32, .u8, .bool: return convert(source, target, Int64.self)
        }
    }

    private static func convert<C: Computed>(_ source: StridedView, _ target: StridedView, _: C.Type) -> Bool {
        forTiles(source.count) { start, length, scratch in
            let values = source.load(start, length, scratch.assumingMemoryBound(to: C.self))
            target.scatter(start, length, from: values)
        }
    }

    /// Elements from one scratch buffer of `forTiles` to the next.
    static func pitch(_ count: Int) -> Int { (min(count, tile) + 15) / 16 * 16 }

    /// Runs `body(start, length, scratch)` over tiles in parallel; the scratch holds `buffers` buffers,
    /// `pitch` elements of up to 8 bytes each.
    /// - Returns: whether all was done: false after a request to stop.
    static func forTiles(
        _ count: Int, buffers: Int = 1, grain: Int = 8, _ body: (Int, Int, UnsafeMutableRawPointer) -> Void
    ) -> Bool {
        Parallel.forPieces((count + tile - 1) / tile, grain: grain, piece: piece) { range in
            let scratch = UnsafeMutableRawPointer.allocate(byteCount: pitch(count) * buffers * 8, alignment: 64)
            defer { scratch.deallocate() }
            for index in range {
                let start = index * tile
                body(start, min(tile, count - start), scratch)
            }
        }
    }

    private static func copyWords<Word>(_ source: StridedView, _ target: StridedView, _: Word.Type) -> Bool {
        let from = UnsafePointer(source.base.assumingMemoryBound(to: Word.self))
        let to = target.base.assumingMemoryBound(to: Word.self)
        if target.isContiguous, source.shape.count == 2, source.strides[0] == 1, source.strides[1] > 1 {
            return transpose(from, source.strides[1], rows: source.shape[0], columns: source.shape[1], to)
        }
        return Parallel.forPieces((source.count + tile - 1) / tile, grain: 16, piece: piece) { range in
            let start = range.lowerBound * tile
            let end = min(source.count, range.upperBound * tile)
            if target.isContiguous {
                source.forEachRun(start, end - start) { position, step, done, run in
                    copyRun(from + position, step, to + start + done, 1, run)
                }
                return
            }
            target.forEachRun(start, end - start) { position, step, done, run in
                source.forEachRun(start + done, run) { read, stride, before, length in
                    copyRun(from + read, stride, to + position + before * step, step, length)
                }
            }
        }
    }

    @inline(__always)
    private static func copyRun<Word>(
        _ source: UnsafePointer<Word>, _ step: Int, _ target: UnsafeMutablePointer<Word>, _ stride: Int, _ count: Int
    ) {
        if step == 1 && stride == 1 {
            target.update(from: source, count: count)
        } else if step == 0 && stride == 1 {
            target.update(repeating: source[0], count: count)
        } else {
            for index in 0..<count { target[index * stride] = source[index * step] }
        }
    }

    /// Writes the transpose of a row-major matrix of `columns` rows, `pitch` elements apart, in square blocks, so that
    /// every cache line is read once.
    private static func transpose<Word>(
        _ source: UnsafePointer<Word>, _ pitch: Int, rows: Int, columns: Int, _ target: UnsafeMutablePointer<Word>
    ) -> Bool {
        let block = 32
        let grain = max(1, 1024 / max(1, columns))
        let piece = max(1, self.piece * tile / (block * max(1, columns)))
        return Parallel.forPieces((rows + block - 1) / block, grain: grain, piece: piece) { range in
            for band in range {
                let bottom = min(rows, (band + 1) * block)
                for left in stride(from: 0, to: columns, by: block) {
                    let right = min(columns, left + block)
                    for row in band * block..<bottom {
                        for column in left..<right {
                            target[row * columns + column] = source[column * pitch + row]
                        }
                    }
                }
            }
        }
    }
}
