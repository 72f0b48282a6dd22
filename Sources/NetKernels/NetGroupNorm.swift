import Threading

/// Group normalisation of channels-last activations as one factor and one summand for each channel, so that whatever reads
/// the activations next can normalise them on the way.
public enum NetGroupNorm {
    /// Pixels of one part of the sums; parts do not depend on the number of threads.
    private static let span = 128

    /// Factor and summand of each channel: y = x · factor + summand normalises one image.
    /// - Parameters:
    ///   - source: `[pixels, channels]`, f32 or bf16.
    ///   - weight, bias: one a channel.
    ///   - factors, summands: where the results go, one a channel.
    public static func coefficients(
        _ source: UnsafeRawPointer, _ type: NetType, pixels: Int, channels: Int, groups: Int,
        weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, epsilon: Double,
        factors: UnsafeMutablePointer<Float>, summands: UnsafeMutablePointer<Float>
    ) {
        // Values are taken relative to the first pixel, so that squares keep their digits where the mean is far from 0.
        var reference = [Float](repeating: 0, count: channels + 16)
        let parts = min(64, (pixels + span - 1) / span)
        var sums = [Double](repeating: 0, count: parts * 2 * channels)
        reference.withUnsafeMutableBufferPointer { reference in
            sums.withUnsafeMutableBufferPointer { sums in
                guard let reference = reference.baseAddress, let sums = sums.baseAddress else { return }
                for channel in 0..<channels {
                    reference[channel] =
                        type == .f32 ? NetF32.loadOne(source, channel) : NetBF16.loadOne(source, channel)
                }
                nonisolated(unsafe) let target = sums
                Parallel.forRanges(parts) { range in
                    for part in range {
                        let rows = pixels * part / parts..<pixels * (part + 1) / parts
                        let own = target + part * 2 * channels
                        switch type {
                        case .f32: addSums(NetF32.self, source, rows, channels, reference, own)
                        case .bf16: addSums(NetBF16.self, source, rows, channels, reference, own)
                        }
                    }
                }
                for part in 1..<max(1, parts) {
                    for index in 0..<2 * channels { sums[index] += sums[part * 2 * channels + index] }
                }
                let width = channels / groups
                let count = Double(pixels)
                for group in 0..<groups {
                    let members = group * width..<(group + 1) * width
                    let mean = members.reduce(0) { $0 + Double(reference[$1]) + sums[$1] / count } / Double(width)
                    let square = members.reduce(0) { total, channel in
                        let distance = Double(reference[channel]) - mean
                        return total + sums[channels + channel] + 2 * distance * sums[channel]
                            + count * distance * distance
                    }
                    let variance = max(0, square / (count * Double(width)))
                    let scale = 1 / (variance + epsilon).squareRoot()
                    for channel in members {
                        let factor = Double(weight[channel]) * scale
                        factors[channel] = Float(factor)
                        summands[channel] = Float(Double(bias[channel]) - mean * factor)
                    }
                }
            }
        }
    }

    /// Adds up x - reference and its square for each channel: f32 over short spans, f64 over all.
    private static func addSums<T: NetElement>(
        _: T.Type, _ source: UnsafeRawPointer, _ rows: Range<Int>, _ channels: Int, _ reference: UnsafePointer<Float>,
        _ sums: UnsafeMutablePointer<Double>
    ) {
        let vectors = channels / 16 * 16
        var first = rows.lowerBound
        while first < rows.upperBound {
            let end = min(first + span, rows.upperBound)
            var channel = 0
            while channel < vectors {
                let origin = NetF32.load(reference, channel)
                var sum = SIMD16<Float>.zero
                var square = SIMD16<Float>.zero
                for row in first..<end {
                    let value = T.load(source, row * channels + channel) - origin
                    sum += value
                    square = square.addingProduct(value, value)
                }
                for lane in 0..<16 {
                    sums[channel + lane] += Double(sum[lane])
                    sums[channels + channel + lane] += Double(square[lane])
                }
                channel += 16
            }
            while channel < channels {
                var sum: Float = 0
                var square: Float = 0
                for row in first..<end {
                    let value = T.loadOne(source, row * channels + channel) - reference[channel]
                    sum += value
                    square += value * value
                }
                sums[channel] += Double(sum)
                sums[channels + channel] += Double(square)
                channel += 1
            }
            first = end
        }
    }
}
