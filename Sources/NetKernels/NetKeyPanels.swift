import CProducts

/// Some keys and values of one head of an attention, packed as the right sides of its two products.
public struct NetKeyPanels: Sendable {
    private let keys, headSize: Int
    private let type: NetType

    /// - Parameter headSize: even where values are bf16.
    public init(keys: Int, headSize: Int, _ type: NetType) {
        self.keys = keys
        self.headSize = headSize
        self.type = type
    }

    /// Whether this processor has the instructions for heads of a size.
    public static func serve(headSize: Int, _ type: NetType) -> Bool {
        NetProducts.areFast(type) && (headSize * type.size).isMultiple(of: 4)
    }

    /// A number of keys or channels, filled up to whole vectors.
    public static func filled(_ count: Int) -> Int { (count + 15) / 16 * 16 }

    /// Keys, filled up with zeros to whole vectors.
    public var columns: Int { Self.filled(keys) }
    /// Channels of a result, filled up as well.
    public var channels: Int { Self.filled(headSize) }
    /// Steps of the product with the keys and of the one with the values: four bytes of a row each.
    private var keySteps: Int { headSize * type.size / 4 }
    private func valueSteps(_ columns: Int) -> Int { columns * type.size / 4 }

    /// Bytes of the packed keys.
    public var keyBytes: Int { columns * keySteps * 4 }
    /// Bytes of the packed values.
    public var valueBytes: Int { channels * valueSteps(columns) * 4 }

    /// The columns of a product where only the first `wanted` keys matter: whole panels of them.
    public func columns(_ wanted: Int) -> Int {
        min(columns, (wanted + NetProducts.block - 1) / NetProducts.block * NetProducts.block)
    }

    /// Goes over the panels of `count` outputs: their first output and their width.
    private static func panels(_ count: Int, _ body: (_ first: Int, _ width: Int) -> Void) {
        var first = 0
        while first < count {
            let left = count - first
            let width = left >= 64 ? 64 : left >= 32 ? 32 : 16
            body(first, width)
            first += width
        }
    }

    /// Packs keys `[keys, headSize]` that lie `stride` bytes apart.
    public func packKeys(_ source: UnsafeRawPointer, stride: Int, _ target: UnsafeMutableRawPointer) {
        let words = target.assumingMemoryBound(to: UInt32.self)
        let steps = keySteps
        Self.panels(columns) { first, width in
            let panel = words + first * steps
            for column in 0..<width {
                let key = first + column
                if key < keys {
                    let row = source + key * stride
                    for step in 0..<steps {
                        panel[step * width + column] = row.loadUnaligned(fromByteOffset: step * 4, as: UInt32.self)
                    }
                } else {
                    for step in 0..<steps { panel[step * width + column] = 0 }
                }
            }
        }
    }

    /// Packs values `[keys, headSize]` that lie `stride` bytes apart.
    public func packValues(_ source: UnsafeRawPointer, stride: Int, _ target: UnsafeMutableRawPointer) {
        let steps = valueSteps(columns)
        Self.panels(channels) { first, width in
            let panel = target + first * steps * 4
            let count = min(width, headSize - first)
            for step in 0..<steps {
                let line = panel + step * width * 4
                if type == .f32 {
                    let row = step < keys ? source + step * stride + first * 4 : nil
                    fill(line.assumingMemoryBound(to: Float.self), row, count, width)
                } else {
                    let key = 2 * step
                    let row = key < keys ? source + key * stride + first * 2 : nil
                    interleave(line, row, key + 1 < keys ? row.map { $0 + stride } : nil, count, width)
                }
            }
        }
    }

    /// The first `count` of `width` values from a row, and zeros.
    private func fill(_ line: UnsafeMutablePointer<Float>, _ row: UnsafeRawPointer?, _ count: Int, _ width: Int) {
        let taken = row == nil ? 0 : count
        if let row {
            for channel in 0..<taken { line[channel] = row.loadUnaligned(fromByteOffset: channel * 4, as: Float.self) }
        }
        for channel in taken..<width { line[channel] = 0 }
    }

    /// Values of two keys after each other, zeros for one that is not there and behind `count`.
    private func interleave(
        _ line: UnsafeMutableRawPointer, _ even: UnsafeRawPointer?, _ odd: UnsafeRawPointer?, _ count: Int, _ width: Int
    ) {
        func sixteen(_ row: UnsafeRawPointer?, _ channel: Int) -> SIMD16<UInt16> {
            guard let row else { return .zero }
            if channel + 16 <= count { return row.loadUnaligned(fromByteOffset: channel * 2, as: SIMD16<UInt16>.self) }
            var values = SIMD16<UInt16>.zero
            for lane in 0..<max(0, count - channel) {
                values[lane] = row.loadUnaligned(fromByteOffset: (channel + lane) * 2, as: UInt16.self)
            }
            return values
        }
        for channel in stride(from: 0, to: width, by: 16) {
            var pairs = SIMD32<UInt16>.zero
            pairs.evenHalf = sixteen(even, channel)
            pairs.oddHalf = sixteen(odd, channel)
            line.storeBytes(of: pairs, toByteOffset: channel * 4, as: SIMD32<UInt16>.self)
        }
    }

    /// The scores f32 `[rows, columns]` of queries that lie `stride` bytes apart.
    public func scores(
        _ queries: UnsafeRawPointer, stride: Int, rows: Int, _ packed: UnsafeRawPointer, columns: Int,
        _ target: UnsafeMutablePointer<Float>
    ) {
        product(queries, stride, rows, packed, outputs: columns, steps: keySteps, packedSteps: keySteps, target)
    }

    /// The sums f32 `[rows, channels]` of values, weighed with `[rows, columns]`.
    public func sums(
        _ weights: UnsafeRawPointer, rows: Int, _ packed: UnsafeRawPointer, columns: Int,
        _ target: UnsafeMutablePointer<Float>
    ) {
        product(
            weights, columns * type.size, rows, packed, outputs: channels, steps: valueSteps(columns),
            packedSteps: valueSteps(self.columns), target)
    }

    private func product(
        _ source: UnsafeRawPointer, _ stride: Int, _ rows: Int, _ packed: UnsafeRawPointer, outputs: Int, steps: Int,
        packedSteps: Int, _ target: UnsafeMutablePointer<Float>
    ) {
        Self.panels(outputs) { first, width in
            cx_product(
                type.code, source, stride, rows, packed + first * packedSteps * 4, Int32(width), steps, target + first,
                outputs, nil)
        }
    }
}
