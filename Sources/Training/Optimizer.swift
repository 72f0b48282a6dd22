import Foundation
import NetKernels
import Threading
import Recording
import Tensors

/// Which optimizer, with PyTorch's semantics and defaults.
public enum OptimizerKind: Equatable, Sendable {
    /// Adam (Kingma and Ba, 2015); `weightDecay` is L2, added to the gradient.
    case adam(weightDecay: Double = 0, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8)
    /// AdamW (Loshchilov and Hutter, 2019); `weightDecay` shrinks the weight.
    case adamW(weightDecay: Double = 0.01, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8)
    /// Gradient descent with momentum.
    case sgd(momentum: Double = 0, weightDecay: Double = 0, dampening: Double = 0, nesterov: Bool = false)

    /// Tensors that the optimizer keeps for a parameter.
    var stateCount: Int {
        switch self {
        case .adam, .adamW: return 2
        case .sgd(let momentum, _, _, _): return momentum == 0 ? 0 : 1
        }
    }
}

/// Changes the weights of a network by their gradients, all at once, in vector code, on all threads.
public final class Optimizer {
    /// Which one.
    public let kind: OptimizerKind
    /// The learning rate of the next step.
    public var learningRate: Double
    /// Steps taken.
    public internal(set) var steps = 0
    private let parameters: ParameterSet
    private static let piece = 65536

    /// An optimizer for the trained parameters of a set. It begins without momentum: what an earlier one has left in them
    /// is forgotten.
    public init(_ kind: OptimizerKind, _ parameters: ParameterSet, learningRate: Double) {
        self.kind = kind
        self.parameters = parameters
        self.learningRate = learningRate
        for parameter in parameters.parameters { parameter.clearState() }
    }

    private struct Piece {
        var weight, gradient: UnsafeMutablePointer<Float>
        var state: [UnsafeMutablePointer<Float>]
        var count: Int
    }

    /// The norm of all gradients together, as PyTorch's `clip_grad_norm_` returns it.
    public func gradientNorm() throws -> Double {
        let pieces = try pieces()
        let sums = UnsafeMutableBufferPointer<Double>.allocate(capacity: pieces.count)
        defer { sums.deallocate() }
        Parallel.forEach(pieces.count) {
            sums[$0] = NetOptimizer.squareSum(pieces[$0].gradient, count: pieces[$0].count)
        }
        return sums.reduce(0, +).squareRoot()
    }

    /// One step with the gradients that have gathered.
    /// - Parameter clipNorm: the largest norm of all gradients together; larger ones are scaled down, as PyTorch's
    ///   `clip_grad_norm_`.
    public func step(clipNorm: Double? = nil) throws {
        var scale: Float = 1
        if let clipNorm { scale = Float(min(1, clipNorm / (try gradientNorm() + 1e-6))) }
        let pieces = try pieces()
        steps += 1
        let rate = learningRate
        switch kind {
        case .adam(let decay, let beta1, let beta2, let epsilon):
            adam(pieces, decay, 1, beta1, beta2, epsilon, scale)
        case .adamW(let decay, let beta1, let beta2, let epsilon):
            adam(pieces, 0, 1 - rate * decay, beta1, beta2, epsilon, scale)
        case .sgd(let momentum, let decay, let dampening, let nesterov):
            let isFirst = steps == 1
            Parallel.forEach(pieces.count) {
                NetOptimizer.sgd(
                    pieces[$0].weight, pieces[$0].gradient, velocity: pieces[$0].state.first, count: pieces[$0].count,
                    rate: Float(rate), decay: Float(decay), momentum: Float(momentum), dampening: Float(dampening),
                    nesterov: nesterov, isFirst: isFirst, gradientScale: scale)
            }
        }
        for parameter in parameters.trained where parameter.hasGradient { parameter.markChanged() }
    }

    private func adam(
        _ pieces: [Piece], _ decay: Double, _ shrink: Double, _ beta1: Double, _ beta2: Double, _ epsilon: Double,
        _ scale: Float
    ) {
        let step = NetOptimizer.Adam(
            beta1: Float(beta1), beta2: Float(beta2), epsilon: Float(epsilon), decay: Float(decay),
            shrink: Float(shrink), stepSize: Float(learningRate / (1 - pow(beta1, Double(steps)))),
            inverseCorrection: Float(1 / (1 - pow(beta2, Double(steps))).squareRoot()), gradientScale: scale)
        Parallel.forEach(pieces.count) {
            let piece = pieces[$0]
            NetOptimizer.adam(
                piece.weight, piece.gradient, mean: piece.state[0], square: piece.state[1], count: piece.count, step)
        }
    }

    /// All parameters that have a gradient, cut into pieces of about one size.
    private func pieces() throws -> [Piece] {
        var pieces: [Piece] = []
        for parameter in parameters.trained {
            guard let gradient = parameter.gradientElements else { continue }
            try parameter.makeState(kind.stateCount)
            let tensors = [parameter.elements, gradient] + parameter.state.prefix(kind.stateCount)
            let pointers = tensors.map { $0.pointer.assumingMemoryBound(to: Float.self) }
            for start in stride(from: 0, to: parameter.elements.count, by: Self.piece) {
                pieces.append(
                    Piece(
                        weight: pointers[0] + start, gradient: pointers[1] + start,
                        state: pointers.dropFirst(2).map { $0 + start },
                        count: min(Self.piece, parameter.elements.count - start)))
            }
        }
        return pieces
    }
}
