import Threading

/// The passes before and after a convolution: rows of an image are normalised, activated, resized and laid out as the
/// convolution reads them, in one pass; its result is laid out channels-last and added to a residual in another.
public struct NetRows: Sendable {
    /// How a buffer holds its values.
    public enum Layout: Sendable {
        /// `[rows, width, channels]`.
        case channelsLast(NetType)
        /// f32 `[channels / 16, rows, width, 16]`.
        case blocked
    }

    /// Pixels of a row that are handled together, so that lines of the cache are read once.
    private static let tile = 8

    /// Channels of a pixel.
    public var channels: Int
    /// Pixels of a row of the source.
    public var sourceWidth: Int
    /// Whether SiLU follows.
    public var silu: Bool
    /// The row of the source that each row of the buffer shows; -1 is a row of zeros.
    public var rows: [Int]
    /// The column of the source that each column of the buffer shows.
    public var columns: [Int]

    /// Rows of a source `[H, sourceWidth, channels]`.
    public init(channels: Int, sourceWidth: Int, silu: Bool, rows: [Int], columns: [Int]) {
        self.channels = channels
        self.sourceWidth = sourceWidth
        self.silu = silu
        self.rows = rows
        self.columns = columns
    }

    /// Fills a buffer with x · factor + summand, activated.
    /// - Parameters:
    ///   - source: `[H, sourceWidth, channels]`.
    ///   - factors, summands: one a channel; nil leaves values as they are.
    ///   - target: the buffer, in `layout`; blocked buffers need channels in multiples of sixteen.
    public func fill(
        _ source: UnsafeRawPointer, _ type: NetType, factors: UnsafePointer<Float>?, summands: UnsafePointer<Float>?,
        _ target: UnsafeMutableRawPointer, _ layout: Layout
    ) {
        let grain = max(1, 4096 / max(1, columns.count * channels))
        Parallel.forRanges(rows.count, grain: grain) { range in
            rows.withUnsafeBufferPointer { rows in
                columns.withUnsafeBufferPointer { columns in
                    let call = Call(self, rows, columns, source, target, factors, summands)
                    switch (type, layout) {
                    case (.f32, .blocked): blocks(NetF32.self, call, range)
                    case (.bf16, .blocked): blocks(NetBF16.self, call, range)
                    case (.f32, .channelsLast(.f32)): lines(NetF32.self, NetF32.self, call, range)
                    case (.f32, .channelsLast(.bf16)): lines(NetF32.self, NetBF16.self, call, range)
                    case (.bf16, .channelsLast(.f32)): lines(NetBF16.self, NetF32.self, call, range)
                    case (.bf16, .channelsLast(.bf16)): lines(NetBF16.self, NetBF16.self, call, range)
                    }
                }
            }
        }
    }

    private struct Call {
        let rows, columns: UnsafeBufferPointer<Int>
        let channels, sourceWidth: Int
        let silu: Bool
        let source: UnsafeRawPointer
        let target: UnsafeMutableRawPointer
        let factors, summands: UnsafePointer<Float>?

        init(
            _ shape: NetRows, _ rows: UnsafeBufferPointer<Int>, _ columns: UnsafeBufferPointer<Int>,
            _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ factors: UnsafePointer<Float>?,
            _ summands: UnsafePointer<Float>?
        ) {
            (self.rows, self.columns) = (rows, columns)
            (channels, sourceWidth, silu) = (shape.channels, shape.sourceWidth, shape.silu)
            (self.source, self.target, self.factors, self.summands) = (source, target, factors, summands)
        }

        /// What becomes of sixteen values of neighbouring channels.
        @inline(__always)
        func value(_ x: SIMD16<Float>, _ channel: Int) -> SIMD16<Float> {
            var scaled = x
            if let factors, let summands {
                scaled = NetF32.load(summands, channel).addingProduct(x, NetF32.load(factors, channel))
            }
            return silu ? scaled / (1 + netExp(-scaled)) : scaled
        }

        /// What becomes of one value.
        @inline(__always)
        func value(_ x: Float, _ channel: Int) -> Float {
            var scaled = x
            if let factors, let summands { scaled = x * factors[channel] + summands[channel] }
            return silu ? scaled / (1 + netExp(SIMD16(repeating: -scaled))[0]) : scaled
        }
    }

    private func blocks<S: NetElement>(_: S.Type, _ call: Call, _ range: Range<Int>) {
        let width = call.columns.count
        let plane = call.rows.count * width * 64
        for row in range {
            let base = call.target + row * width * 64
            if call.rows[row] < 0 {
                for block in 0..<call.channels / 16 {
                    (base + block * plane).initializeMemory(as: UInt8.self, repeating: 0, count: width * 64)
                }
                continue
            }
            let line = call.rows[row] * call.sourceWidth
            var first = 0
            while first < width {
                let end = min(first + Self.tile, width)
                for block in 0..<call.channels / 16 {
                    let target = base + block * plane
                    for column in first..<end {
                        let x = S.load(call.source, (line + call.columns[column]) * call.channels + block * 16)
                        NetF32.store(target, column * 16, call.value(x, block * 16))
                    }
                }
                first = end
            }
        }
    }

    private func lines<S: NetElement, T: NetElement>(_: S.Type, _: T.Type, _ call: Call, _ range: Range<Int>) {
        let width = call.columns.count
        let channels = call.channels
        for row in range {
            if call.rows[row] < 0 {
                for index in row * width * channels..<(row + 1) * width * channels {
                    T.storeOne(call.target, index, 0)
                }
                continue
            }
            for column in 0..<width {
                let from = (call.rows[row] * call.sourceWidth + call.columns[column]) * channels
                let to = (row * width + column) * channels
                var channel = 0
                while channel + 16 <= channels {
                    T.store(call.target, to + channel, call.value(S.load(call.source, from + channel), channel))
                    channel += 16
                }
                while channel < channels {
                    T.storeOne(
                        call.target, to + channel, call.value(S.loadOne(call.source, from + channel), channel))
                    channel += 1
                }
            }
        }
    }

    /// Writes rows of a blocked f32 buffer channels-last, with a residual added.
    /// - Parameters:
    ///   - source: `[channels / 16, sourceRows, width, 16]`.
    ///   - range: the rows of the source that are wanted.
    ///   - residual: `[rows, width, channels]` f32, of the wanted rows; may be the target.
    ///   - target: `[rows, width, channels]` f32.
    public static func unblock(
        _ source: UnsafePointer<Float>, sourceRows: Int, range: Range<Int>, width: Int, channels: Int,
        residual: UnsafePointer<Float>?, _ target: UnsafeMutablePointer<Float>
    ) {
        let plane = sourceRows * width * 16
        Parallel.forRanges(range.count, grain: max(1, 4096 / max(1, width * channels))) { part in
            for row in part {
                let line = (range.lowerBound + row) * width * 16
                var first = 0
                while first < width {
                    let end = min(first + tile, width)
                    for block in 0..<channels / 16 {
                        let from = source + block * plane + line
                        for column in first..<end {
                            let to = (row * width + column) * channels + block * 16
                            var value = NetF32.load(from, column * 16)
                            if let residual { value += NetF32.load(residual, to) }
                            NetF32.store(target, to, value)
                        }
                    }
                    first = end
                }
            }
        }
    }
}
