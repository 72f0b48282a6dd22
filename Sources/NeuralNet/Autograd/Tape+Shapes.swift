import COneDNN
import NetKernels
import Tensors

extension Tape {
    /// The sum of two values of one shape.
    public func add(_ a: Variable, _ b: Variable) throws -> Variable {
        guard a.shape == b.shape else {
            throw TensorError.shape(
                operation: "add", message: "\(Tensor.text(a.shape)) and \(Tensor.text(b.shape)) differ")
        }
        let second = a.layout == .blocked ? try blocked(b) : try plain(b)
        let target = try context.tensor(a.stored.shape, .f32)
        NetElementwise.sum(
            Elementwise.floats(a.stored), Elementwise.floats(second.stored), Elementwise.floats(target),
            count: target.count)
        let output = result(target, a.shape, a.layout, of: [a, second])
        guard output.requiresGradient else { return output }
        record { [context, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            if a.requiresGradient && second.requiresGradient {
                try a.slot.add(Elementwise.copy(gradient, context))
            } else if a.requiresGradient {
                try a.slot.add(gradient)
            }
            if second.requiresGradient { try second.slot.add(gradient) }
        }
        return output
    }

    /// The values row-major in another shape of as many.
    /// - Throws: `TensorError.shape` where the counts differ.
    public func reshape(_ x: Variable, _ shape: [Int]) throws -> Variable {
        guard try Tensor.elementCount(shape, operation: "reshape") == x.count else {
            throw TensorError.shape(
                operation: "reshape", message: "\(Tensor.text(x.shape)) does not fit into \(Tensor.text(shape))")
        }
        let source = try plain(x)
        let output = result(try Elementwise.view(source.stored, shape), shape, of: [source])
        guard output.requiresGradient else { return output }
        record { [slot = output.slot, inputSlot = source.slot, inputShape = source.shape] in
            guard let gradient = try slot.take() else { return }
            try inputSlot.add(Elementwise.view(gradient, inputShape))
        }
        return output
    }

    /// Values of equal shapes but for their last dimension, side by side in it.
    public func concatenate(_ parts: [Variable]) throws -> Variable {
        guard let first = parts.first, parts.allSatisfy({ $0.shape.dropLast() == first.shape.dropLast() }) else {
            throw TensorError.shape(
                operation: "concatenate", message: parts.map { Tensor.text($0.shape) }.joined(separator: ", "))
        }
        let isBlocked = parts.allSatisfy { $0.layout == .blocked }
        let sources = isBlocked ? parts : try parts.map { try plain($0) }
        let channels = parts.map { $0.shape.last ?? 0 }
        let shape = Array(first.shape.dropLast()) + [channels.reduce(0, +)]
        // In blocks, the channels of an image are one run of memory, as those of a pixel are in the plain layout.
        let rows = isBlocked ? first.shape[0] : first.shape.dropLast().reduce(1, *)
        let widths = channels.map { $0 * (isBlocked ? first.shape[1] * first.shape[2] : 1) }
        let total = widths.reduce(0, +)
        let target = try context.tensor(isBlocked ? Variable.blockedShape(shape) : shape, .f32)
        var column = 0
        for (source, width) in zip(sources, widths) {
            NetConversion.copyRows(
                source.stored.pointer, stride: width * 4, target.pointer + column * 4, stride: total * 4, rows: rows,
                rowBytes: width * 4)
            column += width
        }
        let output = result(target, shape, isBlocked ? .blocked : .plain, of: sources)
        guard output.requiresGradient else { return output }
        let receivers = sources.map { ($0.requiresGradient ? $0.slot : nil, $0.stored.shape) }
        record { [context, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            var column = 0
            for ((receiver, shape), width) in zip(receivers, widths) {
                if let receiver {
                    let flowing = try context.tensor(shape, .f32)
                    NetConversion.copyRows(
                        gradient.pointer + column * 4, stride: total * 4, flowing.pointer, stride: width * 4,
                        rows: rows, rowBytes: width * 4)
                    try receiver.add(flowing)
                }
                column += width
            }
        }
        return output
    }

    // MARK: Layouts

    /// The value channels-last or row-major.
    func plain(_ x: Variable) throws -> Variable { try converted(x, to: .plain) }

    /// Images `[N, H, W, C]` in blocks of sixteen channels.
    func blocked(_ x: Variable) throws -> Variable { try converted(x, to: .blocked) }

    private struct LayoutKey: Hashable {
        var shape: [Int]
        var target: VariableLayout
        var threads: Int
    }

    private func converted(_ x: Variable, to layout: VariableLayout) throws -> Variable {
        if x.layout == layout { return x }
        guard x.shape.count == 4, x.shape[3] % 16 == 0 else {
            throw TensorError.shape(
                operation: "blocks", message: "wanted [N, H, W, C] of 16 · n channels, got \(Tensor.text(x.shape))")
        }
        let shape = x.shape
        func moved(_ tensor: Tensor, _ target: VariableLayout) throws -> Tensor {
            let key = LayoutKey(shape: shape, target: target, threads: context.threads)
            let made = try parameters.cache.value(AnyHashable(key)) {
                let sizes = [shape[0], shape[3], shape[1], shape[2]]
                let plain = try OneDNN.description(sizes, .f32, dnnl_nhwc, "blocks")
                let blocks = try OneDNN.description(sizes, .f32, dnnl_nChw16c, "blocks")
                return target == .blocked
                    ? try Primitive("blocks", reorder: plain, to: blocks)
                    : try Primitive("blocks", reorder: blocks, to: plain)
            }
            let result = try context.tensor(target == .blocked ? Variable.blockedShape(shape) : shape, .f32)
            guard let primitive = made as? Primitive else { return result }
            try context.execute(primitive, [(DNNL_ARG_SRC, tensor.pointer), (DNNL_ARG_DST, result.pointer)])
            return result
        }
        let output = result(try context.run { try moved(x.stored, layout) }, shape, layout, of: [x])
        guard output.requiresGradient else { return output }
        record { [slot = output.slot, inputSlot = x.slot, before = x.layout] in
            guard let gradient = try slot.take() else { return }
            try inputSlot.add(try moved(gradient, before))
        }
        return output
    }
}
