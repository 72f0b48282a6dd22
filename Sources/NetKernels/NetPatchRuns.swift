import Threading

extension NetCopies {
    /// As `patches`, where each value of a token stands for `run` neighbouring values of a patch: tokens hold their means,
    /// images repeat them.
    public static func patchRuns(
        image: UnsafeMutableRawPointer, tokens: UnsafeMutableRawPointer, _ type: NetType, toTokens: Bool, run: Int,
        _ shape: Patches
    ) {
        let (size, channels) = (shape.size, shape.channels)
        // Where a patch's values lie, from its first pixel on.
        let places = (0..<size * size * channels).map { index in
            let (y, x, channel) =
                shape.channelsFirst
                ? (index / size % size, index % size, index / size / size)
                : (index / channels / size, index / channels % size, index % channels)
            return Int32((y * shape.width + x) * channels + channel)
        }
        let down = shape.height / size
        Parallel.forRanges(shape.images * down, grain: max(1, 8192 / max(1, shape.width * size * channels))) { range in
            places.withUnsafeBufferPointer { places in
                type.dispatch(
                    PatchRuns(
                        image: image, tokens: tokens, toTokens: toTokens, run: run, shape: shape, places: places,
                        range: range))
            }
        }
    }
}

private struct PatchRuns: NetKernel {
    let image, tokens: UnsafeMutableRawPointer
    let toTokens: Bool
    let run: Int
    let shape: NetCopies.Patches
    let places: UnsafeBufferPointer<Int32>
    let range: Range<Int>

    func run<T: NetElement>(_: T.Type) {
        let across = shape.width / shape.size
        let width = places.count / run
        let share = 1 / Float(run)
        for line in range {
            for column in 0..<across {
                let token = (line * across + column) * width
                let pixel = (line * shape.size * shape.width + column * shape.size) * shape.channels
                for index in 0..<width {
                    let own = places[index * run..<(index + 1) * run]
                    if toTokens {
                        var sum: Float = 0
                        for place in own { sum += T.loadOne(image, pixel + Int(place)) }
                        T.storeOne(tokens, token + index, sum * share)
                    } else {
                        let value = T.loadOne(tokens, token + index)
                        for place in own { T.storeOne(image, pixel + Int(place), value) }
                    }
                }
            }
        }
    }
}
