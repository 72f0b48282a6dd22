import Engine
import EngineCPU
import NetKernels
import Tensors

extension Recorder {
    /// What an epilogue asks for, one operation after the other.
    func finish(_ x: Variable, _ epilogue: Epilogue<Variable>) throws -> Variable {
        var value = x
        switch epilogue.scale {
        case .learned(let scale):
            value = try scaled(value, by: reshape(parameter(scale.factors), [1, scale.factors.shape[0]]))
        case .given(let rows): value = try scaled(value, by: rows)
        case nil: break
        }
        if let summand = epilogue.summand { value = try shifted(value, by: summand) }
        if let residual = epilogue.residual?.value { value = try add(value, residual) }
        return try activation(epilogue.activation, value)
    }

    /// x · (1 + scale) + shift.
    public func modulate(_ x: Variable, scale: Variable, shift: Variable) throws -> Variable {
        try shifted(scaled(x, by: affine(scale, factor: 1, summand: 1)), by: shift)
    }

    /// How rows `[1 or N, C]` meet a value `[N, …, C]`.
    private struct Meeting {
        let images, rowsPerImage, channels, stride: Int

        init(_ x: Variable, _ rows: Variable) throws {
            (images, channels) = (x.shape.first ?? 0, x.shape.last ?? 0)
            guard x.shape.count >= 2, x.count > 0, rows.shape == [1, channels] || rows.shape == [images, channels]
            else {
                throw TensorError.shape(
                    operation: "channels",
                    message: "wanted rows [1 or \(images), \(channels)], got \(Tensor.text(rows.shape))")
            }
            rowsPerImage = x.count / channels / images
            stride = rows.shape[0] > 1 ? channels : 0
        }

        func steps(scale: Tensor?, summand: Tensor?) -> NetEpilogue.Steps {
            NetEpilogue.Steps(
                scale: scale.map { UnsafePointer(Elementwise.floats($0)) }, scaleStride: stride,
                summand: summand.map { UnsafePointer(Elementwise.floats($0)) }, summandStride: stride, residual: nil,
                residualType: .f32, function: nil)
        }

        func apply(_ source: Tensor, scale: Tensor?, summand: Tensor?, _ execution: CPUExecution) throws -> Tensor {
            let target = try execution.allocate(source.shape, .f32)
            NetEpilogue.apply(
                source.pointer, .f32, target.pointer, .f32, steps(scale: scale, summand: summand),
                rows: images * rowsPerImage, rowsPerImage: rowsPerImage, channels: channels)
            withExtendedLifetime((source, scale, summand)) {}
            return target
        }

        /// The gradient of the rows.
        func sums(_ gradient: Tensor, _ x: Tensor?, _ shape: [Int], _ execution: CPUExecution) throws -> Tensor {
            let target = try execution.allocate(shape, .f32)
            target.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: target.count * 4)
            NetChannelGradient.addSums(
                Elementwise.floats(gradient), x.map { UnsafePointer(Elementwise.floats($0)) },
                Elementwise.floats(target), images: images, rowsPerImage: rowsPerImage, channels: channels,
                stride: stride)
            withExtendedLifetime((gradient, x)) {}
            return target
        }
    }

    /// x · rows.
    private func scaled(_ x: Variable, by rows: Variable) throws -> Variable {
        let meeting = try Meeting(x, rows)
        let (value, factors) = (try plain(x), try plain(rows))
        let output = result(
            try meeting.apply(value.stored, scale: factors.stored, summand: nil, execution), x.shape,
            of: [value, factors])
        guard output.requiresGradient else { return output }
        record { [execution, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            if factors.requiresGradient {
                try factors.slot.add(meeting.sums(gradient, value.stored, factors.shape, execution))
            }
            if value.requiresGradient {
                try value.slot.add(meeting.apply(gradient, scale: factors.stored, summand: nil, execution))
            }
        }
        return output
    }

    /// x + rows.
    private func shifted(_ x: Variable, by rows: Variable) throws -> Variable {
        let meeting = try Meeting(x, rows)
        let (value, summands) = (try plain(x), try plain(rows))
        let output = result(
            try meeting.apply(value.stored, scale: nil, summand: summands.stored, execution), x.shape,
            of: [value, summands])
        guard output.requiresGradient else { return output }
        record { [execution, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            if summands.requiresGradient {
                try summands.slot.add(meeting.sums(gradient, nil, summands.shape, execution))
            }
            if value.requiresGradient { try value.slot.add(gradient) }
        }
        return output
    }
}
