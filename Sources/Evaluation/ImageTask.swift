import Identity
import Imaging
import Tensors

/// An image that a task has prepared.
public struct PreparedImage {
    /// Its place among the images of the pass, counted from 0.
    public let index: Int
    /// The file.
    public let path: String
    /// The SHA-256 of the file's bytes.
    public let sha256: String
    /// What the task made of it.
    public let tensor: Tensor
}

/// Something that is asked of every image of a pass. The pass reads, hashes and decodes; a task works on decoded images.
public protocol ImageTask: AnyObject {
    /// What each kind of its results depends on. Results are looked up and kept under these, but for a nil; there are
    /// none for a task that only takes images.
    var identities: [FeatureIdentity?] { get }

    /// What the task needs of an image. Safe to call from several threads.
    /// - Throws: `ImageError` for an image that cannot be used at all; see also `refusal`.
    func prepare(_ image: Image) throws -> Tensor

    /// The results of prepared images, one tensor `[n, width]` for each of `identities`. Called from one thread, with at
    /// most a batch.
    func compute(_ inputs: [PreparedImage]) throws -> [Tensor]

    /// Whether the task sees images in 8 bits, as Pillow's conversion gives them, so that samples of 16 bits may turn white. Not
    /// where it takes all of their range.
    var cutsSamples: Bool { get }

    /// Why an image has no result of this task, though it is a good one for others; nil where an error says more.
    func refusal(_ error: any Error) -> String?
}

extension ImageTask {
    /// As Pillow converts.
    public var cutsSamples: Bool { true }

    /// Every image has a result.
    public func refusal(_ error: any Error) -> String? { nil }
}
