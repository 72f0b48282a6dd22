import COneDNN
import Engine
import EngineCPU
import NetKernels
import Tensors

extension Recorder {
    /// The sum of two values; `b` may be one for each image of `a`.
    public func add(_ a: Variable, _ b: Variable, result dtype: DType?) throws -> Variable {
        if a.shape == b.shape { return try sum(a, b) }
        guard b.shape == Array(a.shape.dropFirst()) || b.shape == [1] + a.shape.dropFirst() else {
            throw TensorError.shape(
                operation: "add", message: "\(Tensor.text(b.shape)) does not fit to \(Tensor.text(a.shape))")
        }
        return try sum(a, repeated(reshape(b, [1] + a.shape.dropFirst()), a.shape[0]))
    }

    /// The sum of two values of one shape.
    private func sum(_ a: Variable, _ b: Variable) throws -> Variable {
        let second = a.layout == .blocked ? try blocked(b) : try plain(b)
        let target = try execution.allocate(a.stored.shape, .f32)
        NetElementwise.sum(
            Elementwise.floats(a.stored), Elementwise.floats(second.stored), Elementwise.floats(target),
            count: target.count)
        let output = result(target, a.shape, a.layout, of: [a, second])
        guard output.requiresGradient else { return output }
        record { [execution, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            if a.requiresGradient && second.requiresGradient {
                try a.slot.add(Elementwise.copy(gradient, execution))
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

    /// Values side by side in their last dimension or the one behind the first.
    public func concatenate(_ parts: [Variable], axis: Int) throws -> Variable {
        guard let first = parts.first, axis > 0, axis == first.shape.count - 1 || axis == 1 else {
            throw TensorError.shape(
                operation: "concatenate", message: "\(parts.count) values along dimension \(axis)")
        }
        let images = parts.reduce(1) { max($0, $1.shape.first ?? 1) }
        let repeated = try parts.map { $0.shape.first == images ? $0 : try self.repeated($0, images) }
        func rest(_ shape: [Int]) -> [Int] { shape.enumerated().map { $0 == axis ? 0 : $1 } }
        guard repeated.allSatisfy({ rest($0.shape) == rest([images] + first.shape.dropFirst()) }) else {
            throw TensorError.shape(
                operation: "concatenate", message: parts.map { Tensor.text($0.shape) }.joined(separator: ", "))
        }
        let isBlocked = axis == 3 && repeated.allSatisfy { $0.layout == .blocked }
        let sources = isBlocked ? repeated : try repeated.map { try plain($0) }
        let sizes = sources.map { $0.shape[axis] }
        var shape = sources[0].shape
        shape[axis] = sizes.reduce(0, +)
        // In blocks, the channels of an image are one run of memory, as those of a pixel are in the plain layout.
        let rows = isBlocked ? images : shape[..<axis].reduce(1, *)
        let widths = sizes.map { $0 * (isBlocked ? shape[1] * shape[2] : shape[(axis + 1)...].reduce(1, *)) }
        let total = widths.reduce(0, +)
        let target = try execution.allocate(isBlocked ? Variable.blockedShape(shape) : shape, .f32)
        var column = 0
        for (source, width) in zip(sources, widths) {
            NetCopies.copyRows(
                source.stored.pointer, stride: width * 4, target.pointer + column * 4, stride: total * 4, rows: rows,
                rowBytes: width * 4)
            column += width
        }
        let output = result(target, shape, isBlocked ? .blocked : .plain, of: sources)
        guard output.requiresGradient else { return output }
        let receivers = sources.map { ($0.requiresGradient ? $0.slot : nil, $0.stored.shape) }
        record { [execution, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            var column = 0
            for ((receiver, shape), width) in zip(receivers, widths) {
                if let receiver {
                    let flowing = try execution.allocate(shape, .f32)
                    NetCopies.copyRows(
                        gradient.pointer + column * 4, stride: total * 4, flowing.pointer, stride: width * 4,
                        rows: rows, rowBytes: width * 4)
                    try receiver.add(flowing)
                }
                column += width
            }
        }
        return output
    }

    /// A value `[1, …]` once for each image: `[images, …]`.
    private func repeated(_ x: Variable, _ images: Int) throws -> Variable {
        guard x.shape.first == 1 else {
            throw TensorError.shape(
                operation: "concatenate", message: "\(Tensor.text(x.shape)) beside \(images) images")
        }
        let input = try plain(x)
        let target = try execution.allocate([images] + x.shape.dropFirst(), .f32)
        for image in 0..<images {
            (target.pointer + image * x.count * 4).copyMemory(from: input.stored.pointer, byteCount: x.count * 4)
        }
        let output = result(target, target.shape, of: [input])
        guard output.requiresGradient else { return output }
        record { [execution, slot = output.slot, count = x.count] in
            guard let gradient = try slot.take() else { return }
            let flowing = try execution.allocate(input.shape, .f32)
            flowing.pointer.copyMemory(from: gradient.pointer, byteCount: count * 4)
            for image in 1..<max(1, images) {
                NetElementwise.add(
                    Elementwise.floats(flowing), Elementwise.floats(gradient) + image * count, count: count)
            }
            try input.slot.add(flowing)
        }
        return output
    }

    /// A part of a dimension.
    public func narrow(_ x: Variable, axis: Int, _ range: Range<Int>) throws -> Variable {
        let input = try plain(x)
        let part = try execution.narrow(input.stored, axis: axis, range)
        let output = result(part, part.shape, of: [input])
        guard output.requiresGradient else { return output }
        record { [execution, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            let flowing = try execution.allocate(input.shape, .f32)
            flowing.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: flowing.count * 4)
            let inner = input.shape[(axis + 1)...].reduce(4, *)
            NetCopies.copyRows(
                gradient.pointer, stride: range.count * inner, flowing.pointer + range.lowerBound * inner,
                stride: input.shape[axis] * inner, rows: input.shape[..<axis].reduce(1, *),
                rowBytes: range.count * inner)
            try input.slot.add(flowing)
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
            let key = LayoutKey(shape: shape, target: target, threads: execution.threads)
            let made = try parameters.cache.value(AnyHashable(key)) {
                let sizes = [shape[0], shape[3], shape[1], shape[2]]
                let plain = try OneDNN.description(sizes, .f32, dnnl_nhwc, "blocks")
                let blocks = try OneDNN.description(sizes, .f32, dnnl_nChw16c, "blocks")
                return target == .blocked
                    ? try Primitive("blocks", reorder: plain, to: blocks)
                    : try Primitive("blocks", reorder: blocks, to: plain)
            }
            let result = try execution.allocate(target == .blocked ? Variable.blockedShape(shape) : shape, .f32)
            guard let primitive = made as? Primitive else { return result }
            try execution.execute(primitive, [(DNNL_ARG_SRC, tensor.pointer), (DNNL_ARG_DST, result.pointer)])
            return result
        }
        let output = result(try execution.run { try moved(x.stored, layout) }, shape, layout, of: [x])
        guard output.requiresGradient else { return output }
        record { [slot = output.slot, inputSlot = x.slot, before = x.layout] in
            guard let gradient = try slot.take() else { return }
            try inputSlot.add(try moved(gradient, before))
        }
        return output
    }
}
