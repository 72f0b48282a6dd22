import Foundation

/// A number with its derivative along one direction (a dual number): arithmetic carries the derivative along, so that a pass
/// through a network gives the slope of its result along a change of parameters or inputs, exactly.
public struct Dual {
    /// The number.
    public var value: Double
    /// Its derivative along the direction.
    public var slope: Double

    /// A number, by default a constant.
    public init(_ value: Double, _ slope: Double = 0) {
        self.value = value
        self.slope = slope
    }

    static let zero = Dual(0)

    static func + (a: Dual, b: Dual) -> Dual { Dual(a.value + b.value, a.slope + b.slope) }
    static func - (a: Dual, b: Dual) -> Dual { Dual(a.value - b.value, a.slope - b.slope) }
    static func * (a: Dual, b: Dual) -> Dual { Dual(a.value * b.value, a.slope * b.value + a.value * b.slope) }
    static func * (a: Dual, b: Double) -> Dual { Dual(a.value * b, a.slope * b) }
    static func / (a: Dual, b: Dual) -> Dual {
        Dual(a.value / b.value, (a.slope * b.value - a.value * b.slope) / (b.value * b.value))
    }
    static func += (a: inout Dual, b: Dual) { a = a + b }

    private func mapped(_ value: Double, _ derivative: Double) -> Dual { Dual(value, slope * derivative) }

    var exponential: Dual { mapped(exp(value), exp(value)) }
    var squareRoot: Dual { mapped(value.squareRoot(), 0.5 / value.squareRoot()) }
    var hyperbolicTangent: Dual { mapped(tanh(value), 1 - tanh(value) * tanh(value)) }
    var errorFunction: Dual { mapped(erf(value), 2 / Double.pi.squareRoot() * exp(-value * value)) }
    var sigmoid: Dual { Dual(1) / (Dual(1) + (self * -1).exponential) }
    var rectified: Dual { value > 0 ? self : .zero }
}
