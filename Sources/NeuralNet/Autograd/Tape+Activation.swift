import NetKernels
import Tensors

extension Tape {
    /// An activation of each value.
    public func activation(_ kind: Activation, _ x: Variable) throws -> Variable {
        switch kind {
        case .none: return x
        case .relu: return try apply(.relu, x)
        case .gelu: return try apply(.gelu, x)
        case .geluTanh: return try apply(.geluTanh, x)
        case .quickGelu: return try apply(.quickGelu, x)
        case .silu: return try apply(.silu, x)
        }
    }

    /// 1 / (1 + e^-x).
    public func sigmoid(_ x: Variable) throws -> Variable { try apply(.sigmoid, x) }

    /// The hyperbolic tangent.
    public func tanh(_ x: Variable) throws -> Variable { try apply(.tanh, x) }

    private func apply(_ function: NetElementwise.Function, _ x: Variable) throws -> Variable {
        let target = try context.tensor(x.stored.shape, .f32)
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
}
