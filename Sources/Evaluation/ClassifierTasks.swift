import Identity
import Imaging
import Tensors
import Training

/// Keeps the pixels of images for training, so that the look at them before it is also their first load.
public final class TrainingImagesTask: ImageTask {
    /// No results but the pixels.
    public let identities: [FeatureIdentity?] = []
    private let images: PreparedImages

    /// - Parameter images: what takes the pixels.
    public init(_ images: PreparedImages) { self.images = images }

    /// The pixels at the network's size.
    public func prepare(_ image: Image) throws -> Tensor { try images.prepare(image) }

    /// Hands the pixels over.
    public func compute(_ inputs: [PreparedImage]) throws -> [Tensor] {
        for input in inputs { images.add(input.path, input.tensor, sha256: input.sha256) }
        return []
    }
}

/// The probabilities that a classifier gives images.
public final class PredictionTask: ImageTask {
    /// They are not kept: weights in memory have no hash.
    public let identities: [FeatureIdentity?] = [nil]
    private let classifier: Classifier

    /// - Parameter classifier: a trained network.
    public init(_ classifier: Classifier) { self.classifier = classifier }

    /// The pixels at the classifier's size.
    public func prepare(_ image: Image) throws -> Tensor { try PreparedImages.classifierPixels(image) }

    /// The probabilities of a batch.
    public func compute(_ inputs: [PreparedImage]) throws -> [Tensor] {
        [try classifier.probabilities(prepared: inputs.map(\.tensor))]
    }

    /// The probabilities of the images that a pass kept, f32 `[rows, classes]`.
    public func probabilities(_ outcome: ImagePass.Outcome) throws -> Tensor {
        guard !outcome.kept.isEmpty, let result = try outcome.results(of: self).first else {
            return try Tensor(uninitialized: [0, classifier.classes])
        }
        return result
    }
}
