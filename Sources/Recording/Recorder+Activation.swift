import Engine
import EngineCPU
import NetKernels
import Tensors

extension Recorder {
    /// An activation of each value.
    public func activation(_ kind: Activation, _ x: Variable) throws -> Variable {
        guard let function = kind.function else { return x }
        return try apply(function, x)
    }

    /// 1 / (1 + e^-x).
    public func sigmoid(_ x: Variable) throws -> Variable { try apply(.sigmoid, x) }

    /// The hyperbolic tangent.
    public func tanh(_ x: Variable) throws -> Variable { try apply(.tanh, x) }

    private func apply(_ function: NetElementwise.Function, _ x: Variable) throws -> Variable {
        let target = try execution.allocate(x.stored.shape, .f32)
        NetElementwise.apply(function, Elementwise.floats(x.stored), Elementwise.floats(target), count: target.count)
        let output = result(target, x.shape, x.layout, of: [x])
        guard output.requiresGradient else { return output }
        record { [slot = output.slot, inputSlot = x.slot, source = x.stored] in
            guard let gradient = try slot.take() else { return }
            NetElementwise.multiplyDerivative(
                function, Elementwise.floats(source), Elementwise.floats(gradient), count: gradient.count)
            try inputSlot.add(gradient)
        }
        return output
    }

    /// A gated unit.
    public func gate(_ unit: GatedUnit, _ a: Variable, _ b: Variable?) throws -> Variable {
        guard let last = a.shape.last, last > 0, b != nil || last % 2 == 0, (b?.shape ?? a.shape) == a.shape else {
            throw TensorError.shape(
                operation: "gate",
                message: "\(Tensor.text(a.shape)) and \(b.map { Tensor.text($0.shape) } ?? "its half")")
        }
        var (first, second) = (a, b ?? a)
        if b == nil {
            let axis = a.shape.count - 1
            first = try narrow(a, axis: axis, 0..<last / 2)
            second = try narrow(a, axis: axis, last / 2..<last)
        }
        return unit.activatesSecond
            ? try multiply(first, activation(unit.activation, second))
            : try multiply(activation(unit.activation, first), second)
    }

    /// The product of two values of one shape.
    private func multiply(_ a: Variable, _ b: Variable) throws -> Variable {
        let (first, second) = (try plain(a), try plain(b))
        func product(_ x: Tensor, _ y: Tensor) throws -> Tensor {
            let target = try execution.allocate(x.shape, .f32)
            NetElementwise.product(
                Elementwise.floats(x), Elementwise.floats(y), Elementwise.floats(target), count: x.count)
            withExtendedLifetime((x, y)) {}
            return target
        }
        let output = result(try product(first.stored, second.stored), a.shape, of: [first, second])
        guard output.requiresGradient else { return output }
        record { [slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            if first.requiresGradient { try first.slot.add(product(gradient, second.stored)) }
            if second.requiresGradient { try second.slot.add(product(gradient, first.stored)) }
        }
        return output
    }

    /// x · factor + summand.
    public func affine(_ x: Variable, factor: Float, summand: Float) throws -> Variable {
        let target = try execution.allocate(x.stored.shape, .f32)
        NetElementwise.affine(
            x.stored.pointer, target.pointer, .f32, factor: factor, summand: summand, count: target.count)
        let output = result(target, x.shape, x.layout, of: [x])
        guard output.requiresGradient else { return output }
        record { [slot = output.slot, inputSlot = x.slot] in
            guard let gradient = try slot.take() else { return }
            NetElementwise.scale(Elementwise.floats(gradient), factor, count: gradient.count)
            try inputSlot.add(gradient)
        }
        return output
    }

    /// Turns the pairs of each head; the gradient is turned back.
    public func rotary(_ layer: Rotary, _ x: Variable, table: Variable) throws -> Variable {
        let (input, angles) = (try plain(x), try plain(table))
        guard !angles.requiresGradient else {
            throw EngineError.unsupported(operation: "rotary", message: "angles have no gradient")
        }
        let output = result(
            try execution.rotary(layer, input.stored, table: angles.stored), x.shape, of: [input])
        guard output.requiresGradient else { return output }
        let shape = NetRotary.Shape(
            rows: x.shape[0] * x.shape[1], places: x.shape[1], heads: x.shape[2] / layer.headSize,
            headSize: layer.headSize, rotated: layer.rotated, neighbours: layer.pairing == .neighbours)
        record { [slot = output.slot, inputSlot = input.slot] in
            guard let gradient = try slot.take() else { return }
            NetRotary.turn(
                gradient.pointer, gradient.pointer, .f32, table: Elementwise.floats(angles.stored), shape,
                inverse: true)
            try inputSlot.add(gradient)
        }
        return output
    }
}
