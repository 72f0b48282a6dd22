import Encoders
import Identity
import Imaging
import Tensors

/// Features of images under an encoder.
public final class EncoderTask: ImageTask {
    private let encoder: any Encoder
    private let way: Protocol
    /// The outputs that were asked for, each once, in order.
    public let outputs: [String]
    /// What the features of each output depend on.
    public let featureIdentities: [FeatureIdentity]
    /// The same, as a pass asks for them.
    public var identities: [FeatureIdentity?] { featureIdentities }

    /// - Parameter outputs: names of outputs; `features` is the default one.
    /// - Throws: `TensorError.value` for an output that the encoder does not have.
    public init(_ encoder: any Encoder, _ way: Protocol, outputs: [String] = ["features"]) throws {
        self.encoder = encoder
        self.way = way
        var names: [String] = []
        for output in outputs {
            let name = try encoder.output(output).name
            if !names.contains(name) { names.append(name) }
        }
        self.outputs = names
        featureIdentities = try names.map { try encoder.identity(way, output: $0) }
    }

    /// The encoder's input.
    public func prepare(_ image: Image) throws -> Tensor { try encoder.preprocess(image, protocol: way) }

    /// The features of a batch.
    public func compute(_ inputs: [PreparedImage]) throws -> [Tensor] {
        try encoder.embed(inputs.map(\.tensor), outputs: outputs)
    }

    /// The features of the images that a pass kept, `[rows, width]` for each output.
    public func features(_ outcome: ImagePass.Outcome) throws -> [Tensor] {
        let results = try outcome.results(of: self)
        if !outcome.kept.isEmpty { return results }
        return try outputs.map { try Tensor(uninitialized: [0, encoder.output($0).width]) }
    }
}
