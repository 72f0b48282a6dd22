import Identity
import Imaging
import Radiomics
import Tensors

/// The radiomic features of images. All of the work is a preparation, an image a thread.
public final class RadiomicsTask: ImageTask {
    private let extractor: RadiomicsExtractor
    /// What is computed, and how.
    public var settings: RadiomicsSettings { extractor.settings }
    /// What the features depend on beside the images.
    public let identities: [FeatureIdentity?]

    /// - Parameter settings: what is computed, and how.
    public init(_ settings: RadiomicsSettings) {
        extractor = RadiomicsExtractor(settings)
        identities = [
            FeatureIdentity(
                encoder: "radiomics", source: .formula, preprocessing: settings.identity, output: "features",
                dtype: "f64")
        ]
    }

    /// The diagnostics and the features, f64.
    public func prepare(_ image: Image) throws -> Tensor {
        let features = try extractor.features(image)
        let values = features.diagnostics + features.values
        return try Tensor(values, shape: [values.count])
    }

    /// The rows of a batch.
    public func compute(_ inputs: [PreparedImage]) throws -> [Tensor] {
        [try Tensor.stack(inputs.map(\.tensor), axis: 0)]
    }

    /// A flat or tiny picture has no radiomic features, and is a good image for others.
    public func refusal(_ error: any Error) -> String? {
        guard case .image(let message)? = error as? RadiomicsError else { return nil }
        return "radiomics: \(message)"
    }

    /// The rows of a pass as a table. Images without features have rows of NaN, which a distance leaves out.
    public func table(_ outcome: ImagePass.Outcome) throws -> RadiomicsTable {
        let values = try outcome.results(of: self)[0]
        let names = RadiomicsExtractor.diagnosticsNames + settings.featureNames
        let rows =
            values.shape[1] == names.count
            ? try values.array(Double.self)
            : [Double](repeating: .nan, count: outcome.kept.count * names.count)
        return try RadiomicsTable(
            names: names, paths: outcome.files.map(\.path), values: rows,
            unmeasured: Dictionary(
                outcome.refused(by: self).map { ($0.row, $0.reason) }, uniquingKeysWith: { first, _ in first }))
    }
}
