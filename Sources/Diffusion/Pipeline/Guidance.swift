import Tensors

/// How a denoiser's answers for the negative texts and for the prompts become one.
public protocol Guidance {
    /// Whether a step, counted from 0, wants the answer for the negative texts, too.
    func isUsed(step: Int, of steps: Int) -> Bool
    /// The guided answer.
    /// - Parameters:
    ///   - negative: the answer for the negative texts, f32 `[N, H, W, C]`.
    ///   - positive: the answer for the prompts.
    func combine(negative: Tensor, positive: Tensor) throws -> Tensor
}

/// Classifier-free guidance (Ho and Salimans, arXiv 2207.12598): the prompt's answer carried beyond the negative text's.
public struct ClassifierFreeGuidance: Guidance {
    /// The weight of the prompt; 1 is the prompt alone.
    public let scale: Float

    /// Guidance of this weight.
    public init(scale: Float) { self.scale = scale }

    /// Every step is guided.
    public func isUsed(step: Int, of steps: Int) -> Bool { true }

    /// `negative + scale · (positive - negative)`.
    public func combine(negative: Tensor, positive: Tensor) throws -> Tensor {
        let scale = scale
        return try Elementwise.map(negative, positive) { $0 + scale * ($1 - $0) }
    }
}
