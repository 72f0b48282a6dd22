import Engine
import Tensors

extension ReferenceExecution {
    /// The largest number or the mean of each window.
    public func pool(_ layer: Pooling, _ x: ReferenceValue) throws -> ReferenceValue {
        let shape = try layer.outputShape(x.shape)
        let (height, width, channels) = (x.shape[1], x.shape[2], x.shape[3])
        var result: [Dual] = []
        for image in 0..<shape[0] {
            for row in 0..<shape[1] {
                for column in 0..<shape[2] {
                    for channel in 0..<channels {
                        var members: [Dual] = []
                        for y in 0..<layer.kernel {
                            for z in 0..<layer.kernel {
                                let line = row * layer.stride + y - layer.padding
                                let place = column * layer.stride + z - layer.padding
                                if line < 0 || line >= height || place < 0 || place >= width { continue }
                                members.append(
                                    x.numbers[((image * height + line) * width + place) * channels + channel])
                            }
                        }
                        var number = members[0]
                        if layer.kind == .max {
                            for member in members where member.value > number.value { number = member }
                        } else {
                            let count = layer.countsPadding ? layer.kernel * layer.kernel : members.count
                            number = members.reduce(.zero, +) * (1 / Double(count))
                        }
                        result.append(layer.relu ? number.rectified : number)
                    }
                }
            }
        }
        return ReferenceValue(result, shape)
    }

    /// The mean over all pixels.
    public func globalAverage(_ x: ReferenceValue) throws -> ReferenceValue {
        let (images, channels) = (x.shape[0], x.channels)
        let pixels = x.rows / images
        var result = [Dual](repeating: .zero, count: images * channels)
        for row in 0..<x.rows {
            for channel in 0..<channels {
                result[row / pixels * channels + channel] +=
                    x.numbers[row * channels + channel] * (1 / Double(pixels))
            }
        }
        return ReferenceValue(result, [images, channels])
    }

    /// Each pixel's nearest neighbour.
    public func upsample(_ x: ReferenceValue, height: Int, width: Int) throws -> ReferenceValue {
        let (rows, columns, channels) = (x.shape[1], x.shape[2], x.shape[3])
        func source(_ place: Int, _ from: Int, _ to: Int) -> Int {
            from == to ? place : min(Int((Float(place) * (Float(from) / Float(to))).rounded(.down)), from - 1)
        }
        var result: [Dual] = []
        for image in 0..<x.shape[0] {
            for row in 0..<height {
                for column in 0..<width {
                    let start =
                        ((image * rows + source(row, rows, height)) * columns + source(column, columns, width))
                        * channels
                    result += x.numbers[start..<start + channels]
                }
            }
        }
        return ReferenceValue(result, [x.shape[0], height, width, channels])
    }

    /// Where the value `index` of tokens lies in images `[N, H, W, C]`.
    private func place(_ index: Int, _ patches: Patches, _ shape: [Int]) -> Int {
        let (height, width, channels, size) = (shape[1], shape[2], shape[3], patches.size)
        let across = width / size
        let own = index % (size * size * channels)
        let token = index / (size * size * channels)
        let (image, row, column) = (
            token / (across * (height / size)), token / across % (height / size), token % across
        )
        let (y, x, channel) =
            patches.order == .channelsLast
            ? (own / channels / size, own / channels % size, own % channels)
            : (own / size % size, own % size, own / size / size)
        return ((image * height + row * size + y) * width + column * size + x) * channels + channel
    }

    /// Patches as tokens.
    public func patchify(_ patches: Patches, _ x: ReferenceValue) throws -> ReferenceValue {
        let shape = try patches.tokenShape(x.shape)
        let share = 1 / Double(patches.run)
        return ReferenceValue(
            (0..<shape.reduce(1, *)).map { index in
                (0..<patches.run).reduce(.zero) {
                    $0 + x.numbers[place(index * patches.run + $1, patches, x.shape)] * share
                }
            }, shape)
    }

    /// Tokens as patches.
    public func unpatchify(
        _ patches: Patches, _ x: ReferenceValue, height: Int, width: Int
    ) throws -> ReferenceValue {
        let shape = try patches.imageShape(x.shape, height: height, width: width)
        var result = [Dual](repeating: .zero, count: x.numbers.count * patches.run)
        for index in result.indices { result[place(index, patches, shape)] = x.numbers[index / patches.run] }
        return ReferenceValue(result, shape)
    }

    /// Side by side.
    public func concatenate(_ parts: [ReferenceValue], axis: Int) throws -> ReferenceValue {
        let first = parts[0]
        let images = parts.reduce(1) { max($0, $1.shape[0]) }
        var shape = [images] + first.shape.dropFirst()
        shape[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
        let inner = shape[(axis + 1)...].reduce(1, *)
        let outer = shape[..<axis].reduce(1, *)
        var result: [Dual] = []
        for row in 0..<outer {
            for part in parts {
                try check(part.shape[0] == images || part.shape[0] == 1, "concatenate", first, part)
                let width = part.shape[axis] * inner
                let start = row * width % part.numbers.count
                result += part.numbers[start..<start + width]
            }
        }
        try check(result.count == shape.reduce(1, *), "concatenate", first)
        return ReferenceValue(result, shape)
    }

    /// A part of a dimension.
    public func narrow(_ x: ReferenceValue, axis: Int, _ range: Range<Int>) throws -> ReferenceValue {
        try check(range.upperBound <= x.shape[axis], "narrow", x)
        let inner = x.shape[(axis + 1)...].reduce(1, *)
        var shape = x.shape
        shape[axis] = range.count
        let rows = x.shape[..<axis].reduce(1, *)
        return ReferenceValue(
            (0..<rows).flatMap { row in
                let start = (row * x.shape[axis] + range.lowerBound) * inner
                return x.numbers[start..<start + range.count * inner]
            }, shape)
    }

    /// The same numbers in another shape.
    public func reshape(_ x: ReferenceValue, _ shape: [Int]) throws -> ReferenceValue {
        try check(shape.reduce(1, *) == x.numbers.count, "reshape", x)
        return ReferenceValue(x.numbers, shape, x.dtype)
    }
}
