import Threading

/// Copies between storage types.
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
            sourceType.dispatch(to: targetType, Conversion(source: source, target: target, range: range))
        }
    }

    private struct Conversion: NetPairKernel {
        let source: UnsafeRawPointer
        let target: UnsafeMutableRawPointer
        let range: Range<Int>

        func run<S: NetElement, T: NetElement>(_: S.Type, _: T.Type) {
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
    }
}
