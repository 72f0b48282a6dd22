import Engine
import EngineCPU
import Tensors

/// How a recorded value lies in memory.
public enum VariableLayout: Hashable, Sendable {
    /// Row-major, in the shape itself; images are channels-last.
    case plain
    /// An image batch `[N, H, W, C]` in blocks of sixteen channels: `[N, C / 16, H, W, 16]`. oneDNN's convolutions run
    /// best on it in training, and a normalisation of sixteen channels stays in the cache.
    case blocked
}

/// A value of a recorded computation, f32, and the place where its gradient gathers.
public final class Variable: ExecutionValue {
    /// The sizes as the layers see them, whatever the layout; images are `[N, H, W, C]`.
    public let shape: [Int]
    /// Whether anything that the value was made from wants a gradient.
    public let requiresGradient: Bool
    /// How `stored` lies in memory.
    public let layout: VariableLayout
    /// The value as it lies in memory.
    let stored: Tensor
    let slot: GradientSlot

    init(_ stored: Tensor, shape: [Int], layout: VariableLayout = .plain, requiresGradient: Bool) {
        self.stored = stored
        self.shape = shape
        self.layout = layout
        self.requiresGradient = requiresGradient
        slot = GradientSlot()
    }

    /// f32, or u8 for pixels before they are numbers.
    public var dtype: DType { stored.dtype }

    /// The number of values.
    public var count: Int { stored.count }

    /// The value, row-major, in memory of its own.
    public func tensor() throws -> Tensor { try Variable.plain(stored, shape, layout) }

    /// The gradient that has gathered, row-major, in memory of its own; nil where none came. Values between the loss and
    /// the leaves let their gradients go during the backward pass.
    public func gradient() throws -> Tensor? {
        guard let gathered = try slot.sum() else { return nil }
        return try Variable.plain(gathered, shape, layout)
    }

    /// The only value, such as that of a loss.
    /// - Throws: `TensorError.shape` where there is not exactly one.
    public func item() throws -> Double { try stored.item().double }

    private static func plain(_ stored: Tensor, _ shape: [Int], _ layout: VariableLayout) throws -> Tensor {
        switch layout {
        case .plain: return try stored.clone().reshaped(shape)
        case .blocked: return try stored.permuted([0, 2, 3, 1, 4]).clone().reshaped(shape)
        }
    }

    /// The sizes in memory of a batch `[N, H, W, C]` in blocks.
    static func blockedShape(_ shape: [Int]) -> [Int] { [shape[0], shape[3] / 16, shape[1], shape[2], 16] }
}

/// Where the gradients of one value gather. Up to two wait unsummed, so that a kernel that reads them can add them.
final class GradientSlot {
    private var waiting: [Tensor] = []

    /// Takes a gradient over; the giver does not touch it again.
    func add(_ gradient: Tensor) throws {
        if waiting.count == 2 {
            let merged = try merge()
            waiting = merged.map { [$0] } ?? []
        }
        waiting.append(gradient)
    }

    /// Gives what has gathered, and forgets it.
    func takePair() -> (first: Tensor, second: Tensor?)? {
        defer { waiting = [] }
        guard let first = waiting.first else { return nil }
        return (first, waiting.count > 1 ? waiting[1] : nil)
    }

    /// Gives the sum of what has gathered, and forgets it.
    func take() throws -> Tensor? {
        defer { waiting = [] }
        return try merge()
    }

    /// The sum of what has gathered.
    func sum() throws -> Tensor? {
        let merged = try merge()
        waiting = merged.map { [$0] } ?? []
        return merged
    }

    private func merge() throws -> Tensor? {
        guard let first = waiting.first else { return nil }
        if waiting.count > 1 { Elementwise.add(first, waiting[1]) }
        return first
    }
}
