import Threading

/// Bytes of images as numbers.
public enum NetPixels {
    /// Looks each byte up in a table of 256 values, or of 256 for each of a few channels.
    public static func lookUp(
        _ source: UnsafePointer<UInt8>, _ target: UnsafeMutableRawPointer, _ type: NetType, count: Int, table: [Float],
        channels: Int
    ) {
        Parallel.forRanges(count / max(1, channels), grain: 1 << 16) { range in
            table.withUnsafeBufferPointer { table in
                type.dispatch(
                    Lookup(source: source, target: target, range: range, table: table, channels: channels))
            }
        }
    }

    private struct Lookup: NetKernel {
        let source: UnsafePointer<UInt8>
        let target: UnsafeMutableRawPointer
        let range: Range<Int>
        let table: UnsafeBufferPointer<Float>
        let channels: Int

        func run<T: NetElement>(_: T.Type) {
            for pixel in range {
                for channel in 0..<channels {
                    let index = pixel * channels + channel
                    T.storeOne(target, index, table[channel << 8 + Int(source[index])])
                }
            }
        }
    }
}
