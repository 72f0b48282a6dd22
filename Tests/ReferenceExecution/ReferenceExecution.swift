import Engine
import Tensors

/// An executor in plain loops of f64 that follows the definition of every operation and uses no library: what other executors
/// are compared with, values by values and gradients by slopes along a direction.
public final class ReferenceExecution: Execution {
    /// The dtype that networks ask for; the numbers are f64.
    public let dtype = DType.f32
    /// The direction of a change of parameters, by their names; those that are missing stay.
    private let direction: [String: [Double]]

    /// A pass whose slopes are those along `direction`.
    public init(direction: [String: [Double]] = [:]) { self.direction = direction }

    // MARK: Between the host and the device

    /// Numbers of a tensor, constant.
    public func value(_ tensor: Tensor) throws -> ReferenceValue {
        ReferenceValue(try tensor.doubles().map { Dual($0) }, tensor.shape, tensor.dtype)
    }

    /// The numbers as f64.
    public func tensor(_ value: ReferenceValue) throws -> Tensor { try Tensor(value.values, shape: value.shape) }

    /// A parameter with its direction.
    public func parameter(_ parameter: Parameter) throws -> ReferenceValue {
        let slopes = direction[parameter.name]
        let numbers = try parameter.value().doubles().enumerated().map { Dual($1, slopes?[$0] ?? 0) }
        return ReferenceValue(numbers, parameter.shape)
    }

    /// The table, made anew.
    public func table(
        _ owner: AnyObject, _ key: [Int], _ make: () throws -> Tensor
    ) throws -> ReferenceValue {
        try value(make())
    }

    /// Each byte's number.
    public func pixels(_ images: ReferenceValue, _ table: PixelTable) throws -> ReferenceValue {
        let tables = table.values.count / 256
        return images.indexed { index, byte in Dual(Double(table.values[index % tables * 256 + Int(byte.value)])) }
    }

    // MARK: Products

    /// W x + b.
    public func linear(
        _ layer: Linear, _ x: ReferenceValue, _ epilogue: Epilogue<ReferenceValue>
    ) throws -> ReferenceValue {
        let weight = try parameter(layer.weight).numbers
        let bias = try layer.bias.map { try parameter($0).numbers }
        let (inputs, outputs) = (layer.inputs, layer.outputs)
        try check(x.channels == inputs, "linear", x)
        var result: [Dual] = []
        result.reserveCapacity(x.rows * outputs)
        for row in 0..<x.rows {
            for output in 0..<outputs {
                var sum = bias?[output] ?? .zero
                for index in 0..<inputs { sum += x.numbers[row * inputs + index] * weight[output * inputs + index] }
                result.append(sum)
            }
        }
        return try finish(ReferenceValue(result, Array(x.shape.dropLast()) + [outputs]), epilogue)
    }

    /// The sum over a window and all input channels.
    public func convolution(
        _ layer: Convolution2D, _ x: ReferenceValue, _ prologue: Prologue, _ epilogue: Epilogue<ReferenceValue>
    ) throws -> ReferenceValue {
        var input = try prologue.norm.map { try norm($0, x, Epilogue()) } ?? x
        input = try activation(prologue.activation, input)
        if let height = prologue.height, let width = prologue.width {
            input = try upsample(input, height: height, width: width)
        }
        try check(input.shape.count == 4 && input.channels == layer.inputs, "convolution", input)
        let (height, width) = (input.shape[1], input.shape[2])
        guard let size = layer.outputSize(height, width) else {
            throw TensorError.shape(operation: "reference", message: "images smaller than the kernel")
        }
        let weight = try parameter(layer.weight).numbers
        let bias = try layer.bias.map { try parameter($0).numbers }
        let (inputs, kernel) = (layer.inputs, layer.kernel)
        let (own, shared) = (inputs / layer.groups, layer.outputs / layer.groups)
        var result: [Dual] = []
        for image in 0..<input.shape[0] {
            for row in 0..<size.height {
                for column in 0..<size.width {
                    for output in 0..<layer.outputs {
                        var sum = bias?[output] ?? .zero
                        for y in 0..<kernel.height {
                            let line = row * layer.stride.height + y - layer.padding.height
                            if line < 0 || line >= height { continue }
                            for z in 0..<kernel.width {
                                let place = column * layer.stride.width + z - layer.padding.width
                                if place < 0 || place >= width { continue }
                                let from = ((image * height + line) * width + place) * inputs + output / shared * own
                                let to = (output * own * kernel.height + y) * kernel.width + z
                                let step = kernel.height * kernel.width
                                for channel in 0..<own {
                                    sum += input.numbers[from + channel] * weight[to + channel * step]
                                }
                            }
                        }
                        result.append(sum)
                    }
                }
            }
        }
        let product = ReferenceValue(result, [input.shape[0], size.height, size.width, layer.outputs])
        guard let batchNorm = layer.batchNorm else { return try finish(product, epilogue) }
        return try norm(batchNorm, product, epilogue)
    }

    /// Vectors by index.
    public func embedding(_ layer: Embedding, _ ids: Tensor) throws -> ReferenceValue {
        let table = try parameter(layer.weight).numbers
        let rows = try ids.contiguous().array(Int64.self)
        guard rows.allSatisfy({ $0 >= 0 && $0 < layer.count }) else {
            throw TensorError.index(operation: "reference", message: "ids \(rows)")
        }
        let channels = layer.channels
        return ReferenceValue(
            rows.flatMap { table[Int($0) * channels..<(Int($0) + 1) * channels] }, ids.shape + [channels])
    }

    // MARK: Scheduling

    /// All at once.
    public func each(
        _ inputs: [ReferenceValue], by unit: WorkUnit, _ body: ([ReferenceValue]) throws -> ReferenceValue
    ) throws -> ReferenceValue {
        try body(inputs)
    }

    // MARK: What follows an operation

    func finish(_ x: ReferenceValue, _ epilogue: Epilogue<ReferenceValue>) throws -> ReferenceValue {
        var value = x
        switch epilogue.scale {
        case .learned(let layer):
            let factors = try parameter(layer.factors)
            value = try value.meeting(ReferenceValue(factors.numbers, [1, factors.numbers.count]), *)
        case .given(let rows): value = try value.meeting(rows, *)
        case nil: break
        }
        if let summand = epilogue.summand { value = try value.meeting(summand, +) }
        if let residual = epilogue.residual?.value { value = try add(value, residual, result: nil) }
        return try activation(epilogue.activation, value)
    }

    func check(_ holds: Bool, _ operation: String, _ values: ReferenceValue...) throws {
        guard holds else {
            throw TensorError.shape(
                operation: "reference " + operation,
                message: values.map { Tensor.text($0.shape) }.joined(separator: ", "))
        }
    }
}
