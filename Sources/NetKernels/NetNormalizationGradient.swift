import Threading

/// Layer and group normalisation with what their gradients need, of channels-last activations; f32.
///
/// A layer normalisation of rows is a group normalisation of images of one pixel in one group.
public enum NetNormalizationGradient {
    /// Sizes of `[images, pixels, channels]` and how many groups of neighbouring channels share their statistics.
    public struct Shape: Sendable {
        public var images, pixels, channels, groups: Int

        /// Every property, in order.
        public init(images: Int, pixels: Int, channels: Int, groups: Int) {
            self.images = images
            self.pixels = pixels
            self.channels = channels
            self.groups = groups
        }

        var width: Int { channels / groups }
        func start(_ unit: Int) -> Int { unit / groups * pixels * channels + unit % groups * width }
    }

    /// y = (x - mean) · inverse deviation · weight + bias, and the statistics of each image and group.
    public static func forward(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ shape: Shape, weight: UnsafePointer<Float>,
        bias: UnsafePointer<Float>, mean: UnsafeMutablePointer<Float>, inverseDeviation: UnsafeMutablePointer<Float>,
        epsilon: Double
    ) {
        let width = shape.width
        let count = Double(width * shape.pixels)
        Parallel.forRanges(shape.images * shape.groups, grain: 4) { range in
            for unit in range {
                let start = shape.start(unit)
                let first = unit % shape.groups * width
                var sum = 0.0
                for pixel in 0..<shape.pixels {
                    var part: Float = 0
                    let line = x + start + pixel * shape.channels
                    for index in 0..<width { part += line[index] }
                    sum += Double(part)
                }
                let center = Float(sum / count)
                var square = 0.0
                for pixel in 0..<shape.pixels {
                    var part: Float = 0
                    let line = x + start + pixel * shape.channels
                    for index in 0..<width { part += (line[index] - center) * (line[index] - center) }
                    square += Double(part)
                }
                let inverse = Float(1 / (square / count + epsilon).squareRoot())
                mean[unit] = center
                inverseDeviation[unit] = inverse
                for pixel in 0..<shape.pixels {
                    let offset = start + pixel * shape.channels
                    for index in 0..<width {
                        let value = (x[offset + index] - center) * inverse
                        y[offset + index] = value * weight[first + index] + bias[first + index]
                    }
                }
            }
        }
    }

    /// The gradient of the input; `target` may be `gradient`.
    public static func input(
        _ x: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>,
        _ shape: Shape, weight: UnsafePointer<Float>, mean: UnsafePointer<Float>,
        inverseDeviation: UnsafePointer<Float>
    ) {
        let width = shape.width
        let count = Double(width * shape.pixels)
        Parallel.forRanges(shape.images * shape.groups, grain: 4) { range in
            for unit in range {
                let start = shape.start(unit)
                let first = unit % shape.groups * width
                let (center, inverse) = (mean[unit], inverseDeviation[unit])
                var sum = 0.0
                var product = 0.0
                for pixel in 0..<shape.pixels {
                    let offset = start + pixel * shape.channels
                    var partSum: Float = 0
                    var partProduct: Float = 0
                    for index in 0..<width {
                        let slope = gradient[offset + index] * weight[first + index]
                        partSum += slope
                        partProduct += slope * (x[offset + index] - center)
                    }
                    sum += Double(partSum)
                    product += Double(partProduct)
                }
                let average = Float(sum / count)
                let factor = Float(product / count) * inverse * inverse
                for pixel in 0..<shape.pixels {
                    let offset = start + pixel * shape.channels
                    for index in 0..<width {
                        let slope = gradient[offset + index] * weight[first + index]
                        target[offset + index] = (slope - average - (x[offset + index] - center) * factor) * inverse
                    }
                }
            }
        }
    }

    /// Adds the gradients of weight and bias.
    public static func parameters(
        _ x: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, _ shape: Shape, mean: UnsafePointer<Float>,
        inverseDeviation: UnsafePointer<Float>, weight: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>
    ) {
        let width = shape.width
        Parallel.forRanges(shape.channels, grain: 16) { range in
            for channel in range {
                var scale = 0.0
                var shift = 0.0
                for image in 0..<shape.images {
                    let unit = image * shape.groups + channel / width
                    var partScale: Float = 0
                    var partShift: Float = 0
                    for pixel in 0..<shape.pixels {
                        let index = (image * shape.pixels + pixel) * shape.channels + channel
                        partScale += gradient[index] * (x[index] - mean[unit])
                        partShift += gradient[index]
                    }
                    scale += Double(partScale * inverseDeviation[unit])
                    shift += Double(partShift)
                }
                weight[channel] += Float(scale)
                bias[channel] += Float(shift)
            }
        }
    }

    /// The gradients of a root-mean-square normalisation y = x / √(mean of x² + ε) · factor over rows of `channels`.
    /// - Parameters:
    ///   - gradient: of the result; `input` may be the same memory.
    ///   - weight: is added to: the gradient of the factors.
    public static func rms(
        _ x: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, _ input: UnsafeMutablePointer<Float>, rows: Int,
        channels: Int, factors: UnsafePointer<Float>, weight: UnsafeMutablePointer<Float>, epsilon: Double
    ) {
        var sums = [Double](repeating: 0, count: channels)
        for row in 0..<rows {
            let start = row * channels
            var (square, product) = (0.0, 0.0)
            for index in 0..<channels {
                square += Double(x[start + index]) * Double(x[start + index])
                product += Double(gradient[start + index]) * Double(factors[index]) * Double(x[start + index])
            }
            let inverse = 1 / (square / Double(channels) + epsilon).squareRoot()
            let slope = inverse * inverse * inverse * product / Double(channels)
            for index in 0..<channels {
                let (value, flowing) = (Double(x[start + index]), Double(gradient[start + index]))
                sums[index] += flowing * value * inverse
                input[start + index] = Float(flowing * Double(factors[index]) * inverse - value * slope)
            }
        }
        for index in 0..<channels { weight[index] += Float(sums[index]) }
    }
}
