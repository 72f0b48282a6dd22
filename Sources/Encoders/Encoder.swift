import Identity
import Imaging
import Tensors

/// One of the things that a network says about an image: so many numbers under a name.
public struct EncoderOutput: Equatable, Sendable {
    /// The name.
    public let name: String
    /// How many numbers an image has.
    public let width: Int

    /// An output.
    public init(_ name: String, width: Int) {
        self.name = name
        self.width = width
    }
}

/// A network that turns images into feature vectors.
///
/// Preprocessing is apart from embedding, so that images are decoded and resized several at a time. Calls of one
/// encoder come from one thread at a time; how the images of a call share the machine is the encoder's.
public protocol Encoder: AnyObject {
    /// The registered name.
    var name: String { get }
    /// The compute dtype.
    var dtype: DType { get }
    /// The kind of device that computes.
    var device: DeviceKind { get }
    /// The outputs that `embed` knows, the default first.
    var outputs: [EncoderOutput] { get }
    /// The files that the encoder was loaded from, with the SHA-256 of what was read.
    var files: [(file: String, sha256: String)] { get }
    /// What features depend on beside the program's rules: by default the content of `files`, not their places.
    var source: FeatureIdentity.Source { get }

    /// Whether `preprocess` sees images in 8 bits, as Pillow's conversion gives them: samples of 16 bits above 255 are then white.
    var cutsSamples: Bool { get }

    /// The steps of `preprocess` in words, to the last parameter.
    func preprocessing(_ way: Protocol) -> String

    /// What the network sees of an image, before scaling: for the program's own encoders bytes u8 `[H, W, 3]`. Safe to
    /// call from several threads.
    func preprocess(_ image: Image, protocol way: Protocol) throws -> Tensor

    /// Features f32 `[N, width]` of preprocessed images, one tensor for each of the asked outputs, from one pass through
    /// the network. An image's row has the same bits in any batch, and images need not be of one size.
    /// - Throws: `TensorError` for other images or outputs; `FileError` where the weight file was changed in use.
    func embed(_ images: [Tensor], outputs: [String]) throws -> [Tensor]

    /// The network alone, for comparing it with its reference: the default output f32 `[N, width]`.
    func forward(_ x: Tensor) throws -> Tensor
}

extension Encoder {
    /// As Pillow converts.
    public var cutsSamples: Bool { true }

    /// The processor: what is no network of this program computes there.
    public var device: DeviceKind { .cpu }

    /// The content of `files`.
    public var source: FeatureIdentity.Source { FeatureIdentity.source(files: files.map(\.sha256)) }

    /// The length of the default output.
    public var dimension: Int { outputs.first?.width ?? 0 }

    /// The output of a name; nil and `features` are every encoder's default.
    /// - Throws: `TensorError.value` for an output that the encoder does not have.
    public func output(_ name: String?) throws -> EncoderOutput {
        if let found = outputs.first(where: { $0.name == name }) { return found }
        guard name == nil || name == "features", let first = outputs.first else {
            throw TensorError.value(
                operation: self.name,
                message: "no output \"\(name ?? "")\"; known: " + outputs.map(\.name).joined(separator: ", "))
        }
        return first
    }

    /// What the features of an output depend on, beside the image.
    /// - Throws: as `output`.
    public func identity(_ way: Protocol, output: String? = nil) throws -> FeatureIdentity {
        FeatureIdentity(
            encoder: name, source: source, preprocessing: preprocessing(way), output: try self.output(output).name,
            dtype: dtype.rawValue, device: device)
    }

    /// Features f32 `[N, width]` of images; they are preprocessed several at a time.
    public func features(images: [Image], protocol way: Protocol, output: String? = nil) throws -> Tensor {
        let inputs = try EncoderInput.preprocess(images.count) { try self.preprocess(images[$0], protocol: way) }
        return try embed(inputs, outputs: [self.output(output).name])[0]
    }

    /// Features f32 `[N, width]` of preprocessed images that lie on top of each other, `[N, …]`.
    public func embed(_ batch: Tensor, output: String? = nil) throws -> Tensor {
        try embed(EncoderInput.images(batch), outputs: [self.output(output).name])[0]
    }

    /// As the other, with several outputs from one pass.
    public func embed(_ batch: Tensor, outputs: [String]) throws -> [Tensor] {
        try embed(EncoderInput.images(batch), outputs: outputs)
    }
}

/// An encoder whose network was opened from files, and runs on an executor.
protocol FileEncoder: Encoder {
    /// Its files, and what it runs on.
    var model: ModelFiles { get }
}

extension FileEncoder {
    /// The compute dtype.
    public var dtype: DType { model.executor.dtype }
    /// The kind of device that computes.
    public var device: DeviceKind { model.executor.deviceKind }
    /// The files that the encoder was loaded from, with the SHA-256 of what was read.
    public var files: [(file: String, sha256: String)] { model.files }
}
