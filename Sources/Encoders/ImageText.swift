import Checkpoints
import Engine
import Files
import Imaging
import Tensors
import Tokenizers

/// A model that puts images and texts into one space, in which the cosine says how well they belong together.
public protocol ImageTextModel: AnyObject {
    /// The registered name.
    var name: String { get }
    /// Images into the space: its features are unit vectors.
    var images: any Encoder { get }
    /// The files of the texts' side, with the SHA-256 of what was read.
    var textFiles: [(file: String, sha256: String)] { get }
    /// Unit vectors f32 `[N, D]` of texts.
    /// - Throws: `TokenizerError` and `TensorError.value` naming a text that is too long or not allowed.
    func texts(_ texts: [String]) throws -> Tensor
}

extension ImageTextModel {
    /// The cosine of unit vectors f32 `[N, D]` and `[N, D]`, row by row, f32 `[N]`.
    /// - Throws: `TensorError.shape` for other shapes.
    public func similarity(_ images: Tensor, _ texts: Tensor) throws -> Tensor {
        guard images.rank == 2, images.shape == texts.shape, images.shape[1] == self.images.dimension else {
            throw TensorError.shape(
                operation: name,
                message: "wanted unit vectors [N, \(self.images.dimension)] of as many images as texts, got "
                    + "\(Tensor.text(images.shape)) and \(Tensor.text(texts.shape))")
        }
        let (width, first, second) = try (images.shape[1], images.to(.f32).contiguous(), texts.to(.f32).contiguous())
        let (a, b) = try (first.array(Float.self), second.array(Float.self))
        let cosines = (0..<images.shape[0]).map { row in
            Float((0..<width).reduce(0.0) { $0 + Double(a[row * width + $1]) * Double(b[row * width + $1]) })
        }
        return try Tensor(cosines, shape: [cosines.count])
    }
}

/// The image-text models by name.
public enum ImageTextRegistry {
    /// A kind of image-text model.
    public struct Entry: Sendable {
        /// What it is, in a sentence.
        public let about: String
        /// The name, for both sides.
        public var name: String { images.name }
        /// The Hub name of its weights.
        public let place: String
        /// Its images' side as an encoder, which opens what `open` opens and is called as the model is: evaluations keep
        /// its vectors beside those of other encoders.
        public let images: EncoderEntry
        /// Looks at a folder as `open` does, at headers, names and shapes: nothing is hashed, and no value is read.
        public let look: @Sendable (_ folder: String) throws -> Void
        /// Opens a folder, to compute so.
        public let open: @Sendable (_ folder: String, _ compute: Compute) throws -> any ImageTextModel

        /// Describes a model; without `look` nothing but its place is looked at before a run.
        public init(
            about: String, place: String, images: EncoderEntry,
            look: @escaping @Sendable (_ folder: String) throws -> Void = { _ in },
            open: @escaping @Sendable (_ folder: String, _ compute: Compute) throws -> any ImageTextModel
        ) {
            self.about = about
            self.place = place
            self.images = images
            self.look = look
            self.open = open
        }

        /// The folder of weights: that of a place, or the usual one.
        /// - Throws: `CheckpointError.notFound`.
        public func folder(_ weights: String? = nil) throws -> String {
            let config = try HubCache.locate(weights ?? place, file: "config.json")
            return String(config.dropLast("/config.json".count))
        }
    }

    /// The program's own: one a file; each is known by the name of its images' side.
    public static let standard = Registry<Entry>("image-text model", [BioViLT.imageText].map { ($0.name, $0) })
}

extension Registry where Entry == ImageTextRegistry.Entry {
    /// Adds a model behind the others, by its name.
    /// - Throws: `RegistryError.taken`.
    public mutating func add(_ entry: ImageTextRegistry.Entry) throws { try add(entry.name, entry) }
}

/// Vectors of length 1.
enum UnitVectors {
    /// Rows f32 `[N, D]` over their lengths; a row of zeros stays.
    static func of(_ rows: Tensor) throws -> Tensor {
        let result = try rows.contiguous().clone()
        let width = max(1, rows.shape.last ?? 1)
        try result.withElements(Float.self) { values in
            for start in stride(from: 0, to: values.count, by: width) {
                let squares = values[start..<start + width].reduce(0.0) { $0 + Double($1) * Double($1) }
                // PyTorch's `normalize` divides by no less.
                let length = Float(max(squares.squareRoot(), 1e-12))
                for index in start..<start + width { values[index] /= length }
            }
        }
        return result
    }
}
