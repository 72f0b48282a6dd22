/// Resizes a grid of position embeddings as PyTorch's `interpolate(mode="bicubic", align_corners=False)` does: Keys'
/// kernel with a = -0.75, half-pixel centres, no antialiasing, neighbours clamped at the border.
enum PositionResize {
    static func bicubic(_ values: [Float], side: Int, channels: Int, rows: Int, columns: Int) -> [Float] {
        let vertical = taps(side, rows)
        let horizontal = taps(side, columns)
        var result = [Float](repeating: 0, count: rows * columns * channels)
        for (row, down) in vertical.enumerated() {
            for (column, across) in horizontal.enumerated() {
                let target = (row * columns + column) * channels
                for channel in 0..<channels {
                    var sum: Float = 0
                    for y in 0..<4 {
                        var line: Float = 0
                        for x in 0..<4 {
                            line +=
                                values[(down.index[y] * side + across.index[x]) * channels + channel] * across.weight[x]
                        }
                        sum += line * down.weight[y]
                    }
                    result[target + channel] = sum
                }
            }
        }
        return result
    }

    private static func taps(_ source: Int, _ target: Int) -> [(index: [Int], weight: [Float])] {
        let scale = Float(source) / Float(target)
        let a: Float = -0.75
        return (0..<target).map { position in
            let real = scale * (Float(position) + 0.5) - 0.5
            let low = real.rounded(.down)
            let part = real - low
            func near(_ x: Float) -> Float { ((a + 2) * x - (a + 3)) * x * x + 1 }
            func far(_ x: Float) -> Float { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
            return (
                (0..<4).map { min(max(Int(low) - 1 + $0, 0), source - 1) },
                [far(part + 1), near(part), near(1 - part), far(2 - part)]
            )
        }
    }
}
