import Identity
import Imaging
import Tensors

/// Asks something of images, a batch at a time, whose answers are no numbers: the caller keeps them.
public final class AnswerTask: ImageTask {
    /// None: answers are not kept.
    public let identities: [FeatureIdentity?] = []
    private let take: @Sendable (Image) throws -> Tensor
    private let answer: ([PreparedImage]) throws -> Void

    /// - Parameters:
    ///   - prepare: what is needed of an image; called from several threads.
    ///   - answer: gets batches of prepared images, in their order.
    public init(
        prepare: @escaping @Sendable (Image) throws -> Tensor, answer: @escaping ([PreparedImage]) throws -> Void
    ) {
        take = prepare
        self.answer = answer
    }

    /// What is needed of an image.
    public func prepare(_ image: Image) throws -> Tensor { try take(image) }

    /// Hands a batch on.
    public func compute(_ inputs: [PreparedImage]) throws -> [Tensor] {
        try answer(inputs)
        return []
    }
}
