import Threading

/// Copies between storage types and layouts.
public enum NetConversion {
    /// Converts `count` values from one storage type to another.
    public static func convert(
        _ source: UnsafeRawPointer, _ sourceType: NetType, _ target: UnsafeMutableRawPointer, _ targetType: NetType,
        count: Int
    ) {
        if sourceType == targetType {
            target.copyMemory(from: source, byteCount: count * sourceType.size)
            return
        }
        Parallel.forRanges(count, grain: 1 << 16) { range in
            withNetTypes(
                sourceType, targetType,
                (
                    {}, { convertRange(NetF32.self, NetBF16.self, source, target, range) },
                    { convertRange(NetBF16.self, NetF32.self, source, target, range) }, {}
                ))
        }
    }

    private static func convertRange<S: NetElement, T: NetElement>(
        _: S.Type, _: T.Type, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ range: Range<Int>
    ) {
        var index = range.lowerBound
        while index + 16 <= range.upperBound {
            T.store(target, index, S.load(source, index))
            index += 16
        }
        while index < range.upperBound {
            T.storeOne(target, index, S.loadOne(source, index))
            index += 1
        }
    }

    /// Writes scale · x + shift for each byte of an image: the range of pixel values that a network wants.
    public static func pixels(
        _ source: UnsafePointer<UInt8>, _ target: UnsafeMutableRawPointer, _ type: NetType, count: Int, scale: Float,
        shift: Float
    ) {
        var table = [Float](repeating: 0, count: 256)
        for value in 0..<256 { table[value] = Float(value) * scale + shift }
        table.withUnsafeBufferPointer { table in
            switch type {
            case .f32: for index in 0..<count { NetF32.storeOne(target, index, table[Int(source[index])]) }
            case .bf16: for index in 0..<count { NetBF16.storeOne(target, index, table[Int(source[index])]) }
            }
        }
    }

    /// Copies rows of `rowBytes` between buffers with other distances between their rows.
    public static func copyRows(
        _ source: UnsafeRawPointer, stride sourceStride: Int, _ target: UnsafeMutableRawPointer,
        stride targetStride: Int, rows: Int, rowBytes: Int
    ) {
        Parallel.forRanges(rows, grain: 256) { range in
            for row in range {
                (target + row * targetStride).copyMemory(from: source + row * sourceStride, byteCount: rowBytes)
            }
        }
    }

    /// source += addend, rounded once, for values of one storage type.
    public static func add(
        _ source: UnsafeRawPointer, _ addend: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ type: NetType,
        count: Int
    ) {
        Parallel.forRanges(count, grain: 1 << 16) { range in
            switch type {
            case .f32: addRange(NetF32.self, source, addend, target, range)
            case .bf16: addRange(NetBF16.self, source, addend, target, range)
            }
        }
    }

    private static func addRange<T: NetElement>(
        _: T.Type, _ source: UnsafeRawPointer, _ addend: UnsafeRawPointer, _ target: UnsafeMutableRawPointer,
        _ range: Range<Int>
    ) {
        var index = range.lowerBound
        while index + 16 <= range.upperBound {
            T.store(target, index, T.load(source, index) + T.load(addend, index))
            index += 16
        }
        while index < range.upperBound {
            T.storeOne(target, index, T.loadOne(source, index) + T.loadOne(addend, index))
            index += 1
        }
    }
}
