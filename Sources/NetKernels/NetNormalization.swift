import Threading

/// Normalisations of channels-last activations; statistics in f32, two passes over data that is in the cache.
public enum NetNormalization {
    /// y = (x - mean) / sqrt(variance + epsilon) · weight + bias over each row of `channels` values.
    public static func layerNorm(
        _ source: UnsafeRawPointer, _ sourceType: NetType, _ target: UnsafeMutableRawPointer, _ targetType: NetType,
        rows: Int, channels: Int, weight: UnsafePointer<Float>?, bias: UnsafePointer<Float>?, epsilon: Float
    ) {
        Parallel.forRanges(rows, grain: 32) { range in
            sourceType.dispatch(
                to: targetType,
                LayerNormRows(
                    source: source, target: target, range: range, channels: channels, weight: weight, bias: bias,
                    epsilon: epsilon))
        }
    }

    /// y = x / sqrt(mean of x² + epsilon) · weight + bias + residual over each row of `channels` values.
    /// - Parameter residual: f32, as many values; may be the target.
    public static func rmsNorm(
        _ source: UnsafeRawPointer, _ sourceType: NetType, _ target: UnsafeMutableRawPointer, _ targetType: NetType,
        rows: Int, channels: Int, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>? = nil,
        residual: UnsafePointer<Float>? = nil, epsilon: Float
    ) {
        Parallel.forRanges(rows, grain: 32) { range in
            sourceType.dispatch(
                to: targetType,
                RMSNormRows(
                    source: source, target: target, range: range, channels: channels, weight: weight, bias: bias,
                    residual: residual, epsilon: epsilon))
        }
    }
}

private struct LayerNormRows: NetPairKernel {
    let source: UnsafeRawPointer
    let target: UnsafeMutableRawPointer
    let range: Range<Int>
    let channels: Int
    let weight, bias: UnsafePointer<Float>?
    let epsilon: Float

    func run<S: NetElement, T: NetElement>(_: S.Type, _: T.Type) {
        let vectors = channels / 16 * 16
        let scale = 1 / Float(channels)
        for row in range {
            let start = row * channels
            var sums = SIMD16<Float>.zero
            var index = 0
            while index < vectors {
                sums += S.load(source, start + index)
                index += 16
            }
            var sum = netSum(sums)
            while index < channels {
                sum += S.loadOne(source, start + index)
                index += 1
            }
            let mean = sum * scale
            var squares = SIMD16<Float>.zero
            index = 0
            while index < vectors {
                let difference = S.load(source, start + index) - mean
                squares = squares.addingProduct(difference, difference)
                index += 16
            }
            var square = netSum(squares)
            while index < channels {
                let difference = S.loadOne(source, start + index) - mean
                square += difference * difference
                index += 1
            }
            let factor = 1 / (square * scale + epsilon).squareRoot()
            index = 0
            while index < vectors {
                var value = (S.load(source, start + index) - mean) * factor
                if let weight { value *= NetF32.load(weight, index) }
                if let bias { value += NetF32.load(bias, index) }
                T.store(target, start + index, value)
                index += 16
            }
            while index < channels {
                var value = (S.loadOne(source, start + index) - mean) * factor
                if let weight { value *= weight[index] }
                if let bias { value += bias[index] }
                T.storeOne(target, start + index, value)
                index += 1
            }
        }
    }
}

private struct RMSNormRows: NetPairKernel {
    let source: UnsafeRawPointer
    let target: UnsafeMutableRawPointer
    let range: Range<Int>
    let channels: Int
    let weight: UnsafePointer<Float>
    let bias, residual: UnsafePointer<Float>?
    let epsilon: Float

    func run<S: NetElement, T: NetElement>(_: S.Type, _: T.Type) {
        let vectors = channels / 16 * 16
        for row in range {
            let start = row * channels
            var squares = SIMD16<Float>.zero
            var index = 0
            while index < vectors {
                let value = S.load(source, start + index)
                squares = squares.addingProduct(value, value)
                index += 16
            }
            var square = netSum(squares)
            while index < channels {
                let value = S.loadOne(source, start + index)
                square += value * value
                index += 1
            }
            let factor = 1 / (square / Float(channels) + epsilon).squareRoot()
            index = 0
            while index < vectors {
                var value = S.load(source, start + index) * factor * NetF32.load(weight, index)
                if let bias { value += NetF32.load(bias, index) }
                if let residual { value += NetF32.load(residual, start + index) }
                T.store(target, start + index, value)
                index += 16
            }
            while index < channels {
                var value = S.loadOne(source, start + index) * factor * weight[index]
                if let bias { value += bias[index] }
                if let residual { value += residual[start + index] }
                T.storeOne(target, start + index, value)
                index += 1
            }
        }
    }
}
