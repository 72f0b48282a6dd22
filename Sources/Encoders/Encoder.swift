import Imaging
import NeuralNet
import Tensors

/// Which way from an image to a network's input an evaluation takes.
public enum EncoderProtocol: String, CaseIterable, Sendable {
    /// What CheXGenBench does, quirks and all: RAD-DINO sees images that were shrunk to 299 × 299 first.
    case chexgenbench
    /// What the encoder's authors do: RAD-DINO sees the original image.
    case exact
}

/// What a feature came from, beside the image: two features are comparable only where these are equal.
public struct EncoderIdentity: Equatable, Sendable {
    /// The registered name, such as `inception-v3`.
    public let name: String
    /// The files of weights and configuration, with their SHA-256.
    public let files: [(file: String, sha256: String)]
    /// How an image becomes the network's input, for each protocol.
    public let preprocessing: [EncoderProtocol: String]
    /// The compute dtype.
    public let dtype: DType

    /// Whether features under both may stand in one table. The files' places do not matter, their content does.
    public static func == (left: EncoderIdentity, right: EncoderIdentity) -> Bool {
        left.name == right.name && left.files.map(\.sha256) == right.files.map(\.sha256)
            && left.preprocessing == right.preprocessing && left.dtype == right.dtype
    }
}

/// A network that turns images into feature vectors.
///
/// Preprocessing is apart from embedding, so that images are decoded and resized on other threads while the network
/// runs. Calls of one encoder come from one thread at a time; each uses all threads of `Parallel`, an image a thread.
public protocol Encoder: AnyObject {
    /// The registered name.
    var name: String { get }
    /// The length of the default output.
    var dimension: Int { get }
    /// The compute dtype.
    var dtype: DType { get }
    /// The outputs that `embed` knows, the default first.
    var outputs: [String] { get }
    /// What features of this encoder came from.
    var identity: EncoderIdentity { get }

    /// The bytes u8 `[H, W, 3]` that the network sees of an image, before scaling. Safe to call from several threads.
    func preprocess(_ image: Image, protocol: EncoderProtocol) throws -> Tensor

    /// Features f32 `[N, D]` of preprocessed images u8 `[N, H, W, 3]`, one tensor for each of the asked outputs, from one
    /// pass through the network. An image's row has the same bits in any batch.
    /// - Throws: `TensorError` for other images or outputs; `FileError` where the weight file was changed in use.
    func embed(_ batch: Tensor, outputs: [String]) throws -> [Tensor]

    /// The network alone, for comparing it with its reference: the default output f32 `[N, D]`.
    func forward(_ x: Tensor) throws -> Tensor
}

extension Encoder {
    /// Features f32 `[N, D]` of images; they are preprocessed several at a time.
    public func features(
        images: [Image], protocol way: EncoderProtocol = .chexgenbench, output: String? = nil
    ) throws -> Tensor {
        try embed(
            images: try EncoderInput.preprocess(images.count) { try self.preprocess(images[$0], protocol: way) },
            output: output)
    }

    /// Features f32 `[N, D]` of preprocessed images u8 `[N, H, W, 3]`.
    /// - Parameter output: one of `outputs`; nil is the first.
    public func embed(_ batch: Tensor, output: String? = nil) throws -> Tensor {
        try embed(batch, outputs: [checkedOutput(output)])[0]
    }

    /// Features f32 `[N, D]` of preprocessed images u8 `[H, W, 3]`, one tensor each, all of one size.
    public func embed(images: [Tensor], output: String? = nil) throws -> Tensor {
        guard images.count > 0 else { return try Tensor(uninitialized: [0, dimension(of: output)]) }
        return try embed(EncoderInput.stack(images), output: output)
    }

    /// As the other, with several outputs from one pass; `images` holds at least one.
    public func embed(images: [Tensor], outputs: [String]) throws -> [Tensor] {
        try embed(EncoderInput.stack(images), outputs: outputs)
    }

    /// The length of an output.
    /// - Throws: `TensorError.value` for an output that the encoder does not have.
    public func dimension(of output: String?) throws -> Int {
        let chosen = try checkedOutput(output)
        return chosen == outputs.first ? dimension : 1008
    }

    /// The output that is meant by a name or nil.
    func checkedOutput(_ output: String?) throws -> String {
        let chosen = output ?? outputs.first ?? ""
        guard outputs.contains(chosen) else {
            throw TensorError.value(
                operation: name,
                message: "no output \"\(chosen)\"; known: " + outputs.joined(separator: ", "))
        }
        return chosen
    }
}
