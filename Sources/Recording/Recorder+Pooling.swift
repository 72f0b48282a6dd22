import Engine
import EngineCPU
import NetKernels
import Tensors

extension Recorder {
    /// Pooling of images `[N, H, W, C]`.
    /// - Throws: `TensorError.shape` for images smaller than the window, `TensorError.value` for a window of more than
    ///   256 places.
    public func pool(_ layer: Pooling, _ x: Variable) throws -> Variable {
        let window = layer.window
        let shape = try layer.outputShape(x.shape)
        guard layer.kind == .average || window.height * window.width <= 256 else {
            throw TensorError.value(
                operation: "pooling", message: "windows of \(window.height) × \(window.width) cannot be trained")
        }
        let sizes = NetPoolingGradient.Shape(
            images: shape[0], height: x.shape[1], width: x.shape[2], channels: shape[3], targetHeight: shape[1],
            targetWidth: shape[2], isBlocked: x.layout == .blocked)
        let stored = x.layout == .blocked ? Variable.blockedShape(shape) : shape
        let target = try execution.allocate(stored, .f32)
        let source = Elementwise.floats(x.stored)
        let places = layer.kind == .max ? try execution.allocate(stored, .u8) : nil
        if let places {
            NetPoolingGradient.maximum(
                source, Elementwise.floats(target), places: places.pointer.assumingMemoryBound(to: UInt8.self),
                window, sizes)
        } else {
            NetPoolingGradient.average(source, Elementwise.floats(target), window, sizes)
        }
        let output = result(target, shape, x.layout, of: [x])
        if output.requiresGradient {
            record { [execution, slot = output.slot, inputSlot = x.slot, inputShape = x.stored.shape] in
                guard let gradient = try slot.take() else { return }
                let flowing = try execution.allocate(inputShape, .f32)
                if let places {
                    NetPoolingGradient.maximumBackward(
                        Elementwise.floats(gradient), places: places.pointer.assumingMemoryBound(to: UInt8.self),
                        Elementwise.floats(flowing), window, sizes)
                } else {
                    NetPoolingGradient.averageBackward(
                        Elementwise.floats(gradient), Elementwise.floats(flowing), window, sizes)
                }
                try inputSlot.add(flowing)
            }
        }
        return window.relu ? try activation(.relu, output) : output
    }

    /// The mean over all pixels, `[N, C]` for `[N, H, W, C]`.
    public func globalAverage(_ x: Variable) throws -> Variable {
        guard x.shape.count == 4, x.count > 0 else {
            throw TensorError.shape(
                operation: "global average", message: "wanted images [N, H, W, C], got \(Tensor.text(x.shape))")
        }
        let planes = NetPlanes(
            images: x.shape[0], pixels: x.shape[1] * x.shape[2], channels: x.shape[3],
            isBlocked: x.layout == .blocked)
        let shape = [x.shape[0], x.shape[3]]
        let target = try execution.allocate(shape, .f32)
        NetPoolingGradient.globalAverage(Elementwise.floats(x.stored), Elementwise.floats(target), planes)
        let output = result(target, shape, of: [x])
        guard output.requiresGradient else { return output }
        record { [execution, slot = output.slot, inputSlot = x.slot, inputShape = x.stored.shape] in
            guard let gradient = try slot.take() else { return }
            let flowing = try execution.allocate(inputShape, .f32)
            NetPoolingGradient.globalAverageBackward(
                Elementwise.floats(gradient), Elementwise.floats(flowing), planes)
            try inputSlot.add(flowing)
        }
        return output
    }
}
