import Encoders
import Engine
import Files
import Imaging
import Tensors

/// Turns pictures into codes of a codebook, and back.
public protocol CodeAutoencoder: PartNetwork {
    /// How many codes there are; they are counted from 0.
    var codebookSize: Int { get }
    /// Pixels a side of the pictures that it was trained on.
    var pictureSize: Int { get }
    /// Pixels a side of one code.
    var scale: Int { get }
    /// Codes i64 `[N, T]`, row by row from the upper left, of pictures f32 `[N, H, W, 3]` in -1 to 1.
    /// - Throws: `TensorError.shape` for others.
    func encode(_ pictures: Tensor) throws -> Tensor
    /// Pictures f32 `[N, H, W, 3]`, about -1 to 1, of codes i64 `[N, T]` of square pictures.
    /// - Throws: `TensorError` for another shape, and for a code that is not in the codebook.
    func decode(_ codes: Tensor) throws -> Tensor
}

extension CodeAutoencoder {
    /// Codes of a picture of the size that it was trained on.
    public var codesPerPicture: Int { (pictureSize / scale) * (pictureSize / scale) }

    /// An image as `encode` takes it, f32 `[1, S, S, 3]`: the shorter side in the network's size by Lanczos, the middle of it, 2 x - 1.
    public func picture(_ image: Image) throws -> Tensor {
        let ratio = Double(pictureSize) / Double(min(image.width, image.height))
        // Python's round.
        func side(_ pixels: Int) -> Int { max(1, Int((ratio * Double(pixels)).rounded(.toNearestOrEven))) }
        let bytes = try image.converted(to: .rgb)
            .resized(width: side(image.width), height: side(image.height), filter: .lanczos)
            .centerCropped(width: pictureSize, height: pictureSize, rule: .halfToEven).tensor().contiguous()
        let values = try bytes.array(UInt8.self).map { 2 * (Float($0) / 255) - 1 }
        return try Tensor(values, shape: [1] + bytes.shape)
    }
}

/// A kind of code autoencoder that is opened from a folder.
public struct CodeAutoencoderEntry: Sendable {
    /// The names and shapes of all tensors that the weights of a folder must hold.
    public let parameters: @Sendable (_ folder: String) throws -> [(name: String, shape: [Int])]
    /// Opens a folder, its weights strictly.
    public let open: @Sendable (_ folder: String, _ device: Device) throws -> any CodeAutoencoder

    /// Describes a network.
    public init(
        parameters: @escaping @Sendable (_ folder: String) throws -> [(name: String, shape: [Int])],
        open: @escaping @Sendable (_ folder: String, _ device: Device) throws -> any CodeAutoencoder
    ) {
        self.parameters = parameters
        self.open = open
    }
}

/// The code autoencoders by name.
public enum CodeAutoencoderRegistry {
    /// The program's own: one a network.
    public static let standard = Registry<CodeAutoencoderEntry>("code autoencoder", [(VQGAN.name, VQGAN.entry)])
}
