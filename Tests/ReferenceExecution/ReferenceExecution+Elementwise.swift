import Engine
import Foundation
import Tensors

extension ReferenceExecution {
    /// An activation of each number.
    public func activation(_ kind: Activation, _ x: ReferenceValue) throws -> ReferenceValue {
        switch kind {
        case .none: return x
        case .relu: return x.map(\.rectified)
        case .gelu: return x.map { $0 * (Dual(1) + ($0 * 0.5.squareRoot()).errorFunction) * 0.5 }
        case .geluTanh:
            return x.map { number in
                let inner = (number + number * number * number * 0.044715) * (2 / Double.pi).squareRoot()
                return number * (Dual(1) + inner.hyperbolicTangent) * 0.5
            }
        case .quickGelu: return x.map { $0 * ($0 * 1.702).sigmoid }
        case .silu: return x.map { $0 * $0.sigmoid }
        case .tanh: return x.map(\.hyperbolicTangent)
        }
    }

    /// One branch activated, times the other.
    public func gate(_ unit: GatedUnit, _ a: ReferenceValue, _ b: ReferenceValue?) throws -> ReferenceValue {
        var (first, second) = (a, b ?? a)
        if b == nil {
            let axis = a.shape.count - 1
            first = try narrow(a, axis: axis, 0..<a.channels / 2)
            second = try narrow(a, axis: axis, a.channels / 2..<a.channels)
        }
        try check(first.shape == second.shape, "gate", first, second)
        if unit.activatesSecond {
            second = try activation(unit.activation, second)
        } else {
            first = try activation(unit.activation, first)
        }
        return first.indexed { $1 * second.numbers[$0] }
    }

    /// x · (1 + scale) + shift.
    public func modulate(
        _ x: ReferenceValue, scale: ReferenceValue, shift: ReferenceValue
    ) throws -> ReferenceValue {
        try x.meeting(scale) { $0 * (Dual(1) + $1) }.meeting(shift, +)
    }

    /// a + b; `b` may be one for each image.
    public func add(_ a: ReferenceValue, _ b: ReferenceValue, result: DType?) throws -> ReferenceValue {
        let each = b.numbers.count
        try check(
            b.shape == a.shape || b.shape == Array(a.shape.dropFirst()) || b.shape == [1] + a.shape.dropFirst(),
            "add", a, b)
        return a.indexed { $1 + b.numbers[$0 % each] }
    }

    /// x · factor + summand.
    public func affine(_ x: ReferenceValue, factor: Float, summand: Float) throws -> ReferenceValue {
        x.map { $0 * Double(factor) + Dual(Double(summand)) }
    }

    /// The numbers as they are.
    public func convert(_ x: ReferenceValue, _ dtype: DType) throws -> ReferenceValue { x }

    // MARK: Normalisations

    /// Over each run of channels.
    public func norm(
        _ layer: LayerNorm, _ x: ReferenceValue, _ epilogue: Epilogue<ReferenceValue>
    ) throws -> ReferenceValue {
        try check(x.channels == layer.channels, "layer norm", x)
        let normed = normalized(
            x, layer.epsilon,
            (0..<x.rows).map { row in
                (0..<x.channels).map { row * x.channels + $0 }
            })
        return try finish(affine(normed, layer.weight, layer.bias), epilogue)
    }

    /// Over all places and the channels of a group.
    public func norm(
        _ layer: GroupNorm, _ x: ReferenceValue, _ epilogue: Epilogue<ReferenceValue>
    ) throws -> ReferenceValue {
        try check(x.channels == layer.channels, "group norm", x)
        let (images, channels) = (x.shape[0], x.channels)
        let (pixels, width) = (x.rows / images, channels / layer.groups)
        let members = (0..<images * layer.groups).map { unit in
            (0..<pixels * width).map { member in
                (unit / layer.groups * pixels + member / width) * channels + unit % layer.groups * width
                    + member % width
            }
        }
        return try finish(affine(normalized(x, layer.epsilon, members), layer.weight, layer.bias), epilogue)
    }

    /// By the root of the mean square of each run.
    public func norm(
        _ layer: RMSNorm, _ x: ReferenceValue, _ epilogue: Epilogue<ReferenceValue>
    ) throws -> ReferenceValue {
        let width = layer.channels
        try check(x.channels % width == 0, "rms norm", x)
        let weight = try parameter(layer.weight).numbers
        let bias = try layer.bias.map { try parameter($0).numbers }
        var result = x.numbers
        for start in stride(from: 0, to: result.count, by: width) {
            var square = Dual.zero
            for index in start..<start + width { square += x.numbers[index] * x.numbers[index] }
            let root = (square * (1 / Double(width)) + Dual(layer.epsilon)).squareRoot
            for index in 0..<width {
                let factor = layer.addsOne ? Dual(1) + weight[index] : weight[index]
                result[start + index] = x.numbers[start + index] / root * factor + (bias?[index] ?? .zero)
            }
        }
        return try finish(ReferenceValue(result, x.shape), epilogue)
    }

    /// With the running statistics.
    public func norm(
        _ layer: BatchNorm2D, _ x: ReferenceValue, _ epilogue: Epilogue<ReferenceValue>
    ) throws -> ReferenceValue {
        try check(x.channels == layer.channels, "batch norm", x)
        let (mean, variance) = (try parameter(layer.runningMean).numbers, try parameter(layer.runningVariance).numbers)
        let channels = x.channels
        let normed = x.indexed { index, number in
            let channel = index % channels
            return (number - mean[channel]) / (variance[channel] + Dual(layer.epsilon)).squareRoot
        }
        return try finish(affine(normed, layer.weight, layer.bias), epilogue)
    }

    /// (x - mean) / √(variance + ε) over each set of members.
    private func normalized(_ x: ReferenceValue, _ epsilon: Double, _ sets: [[Int]]) -> ReferenceValue {
        var result = x.numbers
        for members in sets {
            let share = 1 / Double(members.count)
            var (mean, variance) = (Dual.zero, Dual.zero)
            for index in members { mean += x.numbers[index] * share }
            for index in members {
                let distance = x.numbers[index] - mean
                variance += distance * distance * share
            }
            let deviation = (variance + Dual(epsilon)).squareRoot
            for index in members { result[index] = (x.numbers[index] - mean) / deviation }
        }
        return ReferenceValue(result, x.shape)
    }

    private func affine(_ x: ReferenceValue, _ weight: Parameter?, _ bias: Parameter?) throws -> ReferenceValue {
        let factors = try weight.map { try parameter($0).numbers }
        let summands = try bias.map { try parameter($0).numbers }
        let channels = x.channels
        return x.indexed { index, number in
            let scaled = factors.map { number * $0[index % channels] } ?? number
            return summands.map { scaled + $0[index % channels] } ?? scaled
        }
    }
}
