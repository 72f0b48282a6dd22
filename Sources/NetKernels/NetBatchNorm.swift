import Threading

/// Batch normalisation in training, with the ReLU and the residual that follow it. Sixteen channels are worked on by
/// one thread from their statistics to their results, so that the second pass finds them in the cache.
public enum NetBatchNorm {
    /// What the layer knows of each channel, `channels` values each.
    public struct Channels {
        public var weight, bias, mean, inverseDeviation: UnsafeMutablePointer<Float>
        /// The variance of the batch with the divisor n; null where the statistics are given.
        public var variance: UnsafeMutablePointer<Float>?

        /// Every property, in order.
        public init(
            weight: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>, mean: UnsafeMutablePointer<Float>,
            inverseDeviation: UnsafeMutablePointer<Float>, variance: UnsafeMutablePointer<Float>?
        ) {
            self.weight = weight
            self.bias = bias
            self.mean = mean
            self.inverseDeviation = inverseDeviation
            self.variance = variance
        }
    }

    /// y = (x - mean) / √(variance + ε) · weight + bias, plus the residual, through ReLU where asked.
    ///
    /// Where `channels.variance` is not null, mean, inverse deviation and variance are those of `x`, and are written.
    public static func forward(
        _ x: UnsafePointer<Float>, residual: UnsafePointer<Float>?, _ y: UnsafeMutablePointer<Float>,
        _ planes: NetPlanes, _ channels: Channels, epsilon: Double, relu: Bool
    ) {
        Parallel.forRanges(planes.blocks) { range in
            for block in range {
                if planes.width(block) == 16 {
                    forwardBlock(FullLanes.self, x, residual, y, planes, block, channels, epsilon, relu)
                } else {
                    forwardBlock(PartialLanes.self, x, residual, y, planes, block, channels, epsilon, relu)
                }
            }
        }
    }

    /// As the other, with given statistics.
    public static func forward(
        _ x: UnsafePointer<Float>, residual: UnsafePointer<Float>?, _ y: UnsafeMutablePointer<Float>,
        _ planes: NetPlanes, weight: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>,
        mean: UnsafeMutablePointer<Float>, inverseDeviation: UnsafeMutablePointer<Float>, epsilon: Double, relu: Bool
    ) {
        forward(
            x, residual: residual, y, planes,
            Channels(weight: weight, bias: bias, mean: mean, inverseDeviation: inverseDeviation, variance: nil),
            epsilon: epsilon, relu: relu)
    }

    private static func forwardBlock<L: NetLanes>(
        _: L.Type, _ x: UnsafePointer<Float>, _ residual: UnsafePointer<Float>?, _ y: UnsafeMutablePointer<Float>,
        _ planes: NetPlanes, _ block: Int, _ channels: Channels, _ epsilon: Double, _ relu: Bool
    ) {
        let width = planes.width(block)
        let first = block * 16
        if let variance = channels.variance {
            // Sums about a value of the channel itself keep their digits where the mean is far from zero.
            let origin = L.load(x, planes.start(0, block), width)
            var sums = WideSums()
            var squares = WideSums()
            for image in 0..<planes.images {
                var index = planes.start(image, block)
                var sum = SIMD16<Float>.zero
                var square = SIMD16<Float>.zero
                for _ in 0..<planes.pixels {
                    let value = L.load(x, index, width) - origin
                    sum += value
                    square = square.addingProduct(value, value)
                    index += planes.pixelStride
                }
                sums.add(sum)
                squares.add(square)
            }
            let count = Double(planes.images * planes.pixels)
            for lane in 0..<width {
                let mean = sums[lane] / count
                let spread = max(0, squares[lane] / count - mean * mean)
                channels.mean[first + lane] = Float(mean + Double(origin[lane]))
                variance[first + lane] = Float(spread)
                channels.inverseDeviation[first + lane] = Float(1 / (spread + epsilon).squareRoot())
            }
        }
        let scale = L.load(channels.weight, first, width) * L.load(channels.inverseDeviation, first, width)
        let shift = L.load(channels.bias, first, width) - L.load(channels.mean, first, width) * scale
        let floor = SIMD16<Float>(repeating: relu ? 0 : -.infinity)
        for image in 0..<planes.images {
            var index = planes.start(image, block)
            if let residual {
                for _ in 0..<planes.pixels {
                    let value = shift.addingProduct(L.load(x, index, width), scale) + L.load(residual, index, width)
                    L.store(y, index, netMaximum(value, floor), width)
                    index += planes.pixelStride
                }
            } else {
                for _ in 0..<planes.pixels {
                    let value = shift.addingProduct(L.load(x, index, width), scale)
                    L.store(y, index, netMaximum(value, floor), width)
                    index += planes.pixelStride
                }
            }
        }
    }

    /// The gradients of a batch normalisation.
    public struct Gradients {
        /// The gradient of the result; a second one is added to it where the result was used twice.
        public var result: UnsafeMutablePointer<Float>
        /// A second gradient of the result, which is added; may be null.
        public var secondResult: UnsafePointer<Float>?
        /// The result itself, whose signs a ReLU left; null where they follow from the input or there was no ReLU.
        public var output: UnsafePointer<Float>?
        /// Whether a ReLU follows.
        public var relu: Bool
        /// Whether `result` becomes the gradient behind the ReLU, which is the residual's.
        public var keepsMasked: Bool
        /// The gradient of the input; may be `result` unless `keepsMasked` is for a residual.
        public var input: UnsafeMutablePointer<Float>
        /// Added to: the gradients of weight and bias.
        public var weight, bias: UnsafeMutablePointer<Float>
        /// Whether mean and variance came from the batch, so that gradients pass through them.
        public var throughStatistics: Bool

        /// Every property, in order.
        public init(
            result: UnsafeMutablePointer<Float>, secondResult: UnsafePointer<Float>?, output: UnsafePointer<Float>?,
            relu: Bool, keepsMasked: Bool, input: UnsafeMutablePointer<Float>, weight: UnsafeMutablePointer<Float>,
            bias: UnsafeMutablePointer<Float>, throughStatistics: Bool
        ) {
            self.result = result
            self.secondResult = secondResult
            self.output = output
            self.relu = relu
            self.keepsMasked = keepsMasked
            self.input = input
            self.weight = weight
            self.bias = bias
            self.throughStatistics = throughStatistics
        }
    }

    /// The gradients of input, weight and bias (Ioffe and Szegedy, 2015, section 3).
    public static func backward(
        _ x: UnsafePointer<Float>, _ planes: NetPlanes, _ channels: Channels, _ gradients: Gradients
    ) {
        Parallel.forRanges(planes.blocks) { range in
            for block in range {
                if planes.width(block) == 16 {
                    backwardBlock(FullLanes.self, x, planes, block, channels, gradients)
                } else {
                    backwardBlock(PartialLanes.self, x, planes, block, channels, gradients)
                }
            }
        }
    }

    private static func backwardBlock<L: NetLanes>(
        _: L.Type, _ x: UnsafePointer<Float>, _ planes: NetPlanes, _ block: Int, _ channels: Channels,
        _ gradients: Gradients
    ) {
        let width = planes.width(block)
        let first = block * 16
        let mean = L.load(channels.mean, first, width)
        let deviation = L.load(channels.inverseDeviation, first, width)
        let scale = L.load(channels.weight, first, width) * deviation
        let shift = L.load(channels.bias, first, width) - mean * scale
        let isStored = gradients.keepsMasked || gradients.secondResult != nil
        var sums = WideSums()
        var products = WideSums()
        for image in 0..<planes.images {
            var index = planes.start(image, block)
            var sum = SIMD16<Float>.zero
            var product = SIMD16<Float>.zero
            for _ in 0..<planes.pixels {
                let value = L.load(x, index, width)
                var gradient = L.load(gradients.result, index, width)
                if let second = gradients.secondResult { gradient += L.load(second, index, width) }
                if gradients.relu {
                    let output =
                        gradients.output.map { L.load($0, index, width) } ?? shift.addingProduct(value, scale)
                    gradient.replace(with: 0, where: output .<= 0)
                }
                if isStored { L.store(gradients.result, index, gradient, width) }
                sum += gradient
                product = product.addingProduct(gradient, value - mean)
                index += planes.pixelStride
            }
            sums.add(sum)
            products.add(product)
        }
        let count = Double(planes.images * planes.pixels)
        var factor = SIMD16<Float>.zero
        var offset = SIMD16<Float>.zero
        for lane in 0..<width {
            let inverse = Double(deviation[lane])
            gradients.weight[first + lane] += Float(products[lane] * inverse)
            gradients.bias[first + lane] += Float(sums[lane])
            if gradients.throughStatistics {
                let slope = -Double(scale[lane]) * inverse * inverse * products[lane] / count
                factor[lane] = Float(slope)
                offset[lane] = Float(-Double(scale[lane]) * sums[lane] / count - slope * Double(mean[lane]))
            }
        }
        for image in 0..<planes.images {
            var index = planes.start(image, block)
            for _ in 0..<planes.pixels {
                let value = L.load(x, index, width)
                var gradient = L.load(gradients.result, index, width)
                if gradients.relu && !isStored {
                    let output =
                        gradients.output.map { L.load($0, index, width) } ?? shift.addingProduct(value, scale)
                    gradient.replace(with: 0, where: output .<= 0)
                }
                let result = offset.addingProduct(value, factor).addingProduct(gradient, scale)
                L.store(gradients.input, index, result, width)
                index += planes.pixelStride
            }
        }
    }
}
