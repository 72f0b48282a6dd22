import Encoders
import Identity
import Imaging
import Tensors

/// Images of another size are brought to one, whatever their shape, before an encoder's own steps, as CheXGenBench does with the
/// films whose privacy it measures.
public struct FirstResize: Equatable, Sendable {
    /// Pixels.
    public let width, height: Int

    /// A size.
    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    /// In its own mode by Pillow's bicubic filter, then as RGB.
    public func apply(_ image: Image) throws -> Image {
        let isThere = image.width == width && image.height == height
        return try (isThere ? image : image.resized(width: width, height: height, filter: .bicubic)).converted(to: .rgb)
    }

    /// What it does, in words.
    var text: String { "\(width)x\(height) bicubic in its own mode (Pillow, antialiased)" }
}

/// Features of images under an encoder.
public final class EncoderTask: ImageTask {
    private let encoder: any Encoder
    private let way: Protocol
    private let first: FirstResize?
    /// The outputs that were asked for, each once, in order.
    public let outputs: [String]
    /// What the features of each output depend on.
    public let featureIdentities: [FeatureIdentity]
    /// The same, as a pass asks for them.
    public var identities: [FeatureIdentity?] { featureIdentities }
    /// Where the encoder does; always where images are resized first, and so converted.
    public var cutsSamples: Bool { first != nil || encoder.cutsSamples }

    /// - Parameters:
    ///   - outputs: names of outputs; `features` is the default one.
    ///   - first: what is done to images before the encoder's own steps.
    /// - Throws: `TensorError.value` for an output that the encoder does not have.
    public init(
        _ encoder: any Encoder, _ way: Protocol, outputs: [String] = ["features"], first: FirstResize? = nil
    ) throws {
        self.encoder = encoder
        self.way = way
        self.first = first
        var names: [String] = []
        for output in outputs {
            let name = try encoder.output(output).name
            if !names.contains(name) { names.append(name) }
        }
        self.outputs = names
        featureIdentities = try names.map { name in
            var identity = try encoder.identity(way, output: name)
            if let first { identity.preprocessing = "\(first.text); \(identity.preprocessing)" }
            return identity
        }
    }

    /// The encoder's input.
    public func prepare(_ image: Image) throws -> Tensor {
        try encoder.preprocess(first.map { try $0.apply(image) } ?? image, protocol: way)
    }

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
