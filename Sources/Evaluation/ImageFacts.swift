import Identity
import Imaging
import Tensors

/// What a pass notices of every image, whatever else it does with it.
public struct ImageFacts: Equatable, Sendable {
    /// The highest sample of an image with 16 bits of gray; 0 for any other.
    public let highest16: Int
    /// Whether every pixel is the same, as in the black picture of a safety checker.
    public let isFlat: Bool

    /// Whether the conversion to 8 bits, which cuts at 255 as Pillow's does, turns samples white.
    public var isClipped: Bool { highest16 > 255 }

    /// Why an image whose samples would turn white is refused.
    public var refusal: String {
        "its 16-bit samples reach \(highest16), and 8 bits would cut all above 255 to white; convert it to 8 bits with the window "
            + "that it is to be judged in"
    }

    /// The facts of an image.
    public init(_ image: Image) {
        highest16 = image.mode == .gray16 ? image.highestSample : 0
        isFlat = image.isFlat
    }

    /// Facts that were kept.
    init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 8, let highest = Int(exactly: bytes.loadUnaligned(as: Float.self)) else { return nil }
        highest16 = highest
        isFlat = bytes.loadUnaligned(fromByteOffset: 4, as: Float.self) != 0
    }

    /// The facts as stores keep them.
    var vector: [Float] { [Float(highest16), isFlat ? 1 : 0] }

    static let identity = FeatureIdentity(
        encoder: "image-facts", source: .formula, preprocessing: "none", output: "highest 16-bit sample, flat",
        dtype: "f32")
}

/// What becomes of images that lose samples when they are cut to 8 bits.
public enum ClippingPolicy: Sendable {
    /// They are used as Pillow gives them, and counted.
    case counted
    /// They are bad images.
    case refused

    /// CheXGenBench cuts them in silence; `exact` measures no film that was turned white.
    public init(_ way: Protocol) { self = way == .exact ? .refused : .counted }
}
