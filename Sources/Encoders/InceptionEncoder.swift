import Checkpoints
import Devices
import Engine
import Foundation
import Identity
import Imaging
import Networks
import Tensors

/// `inception-v3`: torch-fidelity's InceptionV3, 2048 features of an image squeezed to 299 × 299.
public final class InceptionEncoder: FileEncoder {
    /// The weights' usual file name; torch hub keeps it in its checkpoints folder.
    public static let weightsFile = "weights-inception-2015-12-05-6726825d.pth"
    /// Where torch-fidelity publishes it.
    public static let weightsURL =
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/\(weightsFile)"

    /// The encoder, as evaluations know it. CheXGenBench takes the pooled features for logits; the paper of the score
    /// (Salimans et al., 2016) the classes' logits.
    public static let entry = EncoderEntry(
        name: "inception-v3", about: "torch-fidelity's InceptionV3, trained on ImageNet", columnEnding: "",
        roles: [.logits: .init(chexgenbench: "2048", exact: "logits_unbiased", columnEnding: "")],
        weights: .init(place: weightsFile, hint: "curl -LO \(weightsURL)"), outputs: allOutputs.map(\.name),
        load: { try InceptionEncoder(weights: $0, dtype: $1.dtype, on: $1.device) },
        look: { try InceptionV3Network().parameters.check(Checkpoint.open($0), ignoring: isForeign) },
        parameters: { _ in try InceptionV3Network().parameters.parameters.map { ($0.name, $0.shape) } })

    private static let allOutputs = [
        EncoderOutput("2048", width: 2048), EncoderOutput("logits_unbiased", width: 1008),
        EncoderOutput("logits", width: 1008),
    ]

    /// `inception-v3`.
    public let name = "inception-v3"
    /// The pooled features; the last layer without its bias (for the Inception Score), and with it.
    public let outputs = InceptionEncoder.allOutputs
    private let network: InceptionV3Network
    let model: ModelFiles
    private let side = 299
    /// The most images that one thread takes through the network's later layers together.
    private static let groupSize = 4

    /// Loads a weight file, strictly.
    /// - Throws: `CheckpointError` and `FileError` where the file is absent, damaged or of another network.
    public init(weights: String, dtype: DType, on device: Device = .standard) throws {
        model = try ModelFiles(Checkpoint.open(weights), dtype: dtype, on: device)
        network = try InceptionV3Network()
        try network.parameters.load(model.checkpoint, ignoring: Self.isForeign)
    }

    /// Whether a tensor may stand beside the parameters.
    @Sendable private static func isForeign(_ name: String) -> Bool { name.hasSuffix(".num_batches_tracked") }

    /// The same under both protocols.
    public func preprocessing(_ way: Protocol) -> String { "RGB; 299x299 bilinear (Pillow, antialiased); (x-128)/128" }

    /// The image as RGB, squeezed to 299 × 299 by Pillow's bilinear filter; the same under both protocols.
    public func preprocess(_ image: Image, protocol way: Protocol) throws -> Tensor {
        try image.converted(to: .rgb).resized(width: side, height: side, filter: .bilinear).tensor()
    }

    /// Features of images u8 `[H, W, 3]`; other sizes than 299 are resized as TensorFlow 1 does.
    /// - Throws: `TensorError` for other images or outputs; `FileError` where the weight file was changed in use.
    public func embed(_ images: [Tensor], outputs: [String]) throws -> [Tensor] {
        if let wrong = images.first(where: { $0.dtype != .u8 }) {
            throw TensorError.dtype(operation: name, message: "wanted u8 images [H, W, 3], got \(wrong.dtype)")
        }
        return try run(images, outputs.map { try output($0) })
    }

    /// The 2048 features of images `[N, H, W, 3]`, u8 or f32 in 0 … 255.
    public func forward(_ x: Tensor) throws -> Tensor { try forward(x, output: "2048") }

    /// As `forward`, with the output by name.
    public func forward(_ x: Tensor, output name: String) throws -> Tensor {
        try run(EncoderInput.images(x), [output(name)])[0]
    }

    private func run(_ images: [Tensor], _ outputs: [EncoderOutput]) throws -> [Tensor] {
        for image in images {
            guard image.rank == 3, image.shape[2] == 3, image.shape[0] > 0, image.shape[1] > 0 else {
                throw TensorError.shape(
                    operation: name, message: "wanted images [H, W, 3], got \(Tensor.text(image.shape))")
            }
            guard image.dtype == .u8 || image.dtype == .f32 else {
                throw TensorError.dtype(operation: name, message: "wanted u8 or f32 in 0 … 255, got \(image.dtype)")
            }
        }
        if images.isEmpty { return try outputs.map { try Tensor(uninitialized: [0, $0.width]) } }
        let results = try run(images, outputs, on: model.executor)
        try model.checkpoint.checkUnchanged()
        return results
    }

    private func run<X: Executor>(
        _ images: [Tensor], _ outputs: [EncoderOutput], on executor: X
    ) throws -> [Tensor] {
        let hasLogits = outputs.contains { $0.name != "2048" }
        return try executor.map(images.count, .pieces(atMost: Self.groupSize)) { [self] execution, rows in
            let features = try network.features(input(images[rows], on: execution), on: execution)
            let unbiased = hasLogits ? try network.logitsUnbiased(features, on: execution) : features
            return try outputs.map { output in
                switch output.name {
                case "2048": return features
                case "logits": return try network.logits(unbiased: unbiased, on: execution)
                default: return unbiased
                }
            }
        }
    }

    /// Images as the network wants them: bytes of 299 × 299, or numbers (x - 128) / 128.
    private func input<E: Execution>(_ images: ArraySlice<Tensor>, on execution: E) throws -> E.Value {
        if images.allSatisfy({ $0.dtype == .u8 && $0.shape == [side, side, 3] }) {
            return try execution.value(EncoderInput.stack(images))
        }
        let resized = try images.map { try TensorFlowResize.bilinear($0, height: side, width: side) }
        return try execution.affine(
            execution.value(EncoderInput.stack(resized[...])), factor: 1 / 128, summand: -1)
    }
}

/// The bilinear resize of TensorFlow 1: no half-pixel centres, no antialiasing, neighbours clamped at the border.
/// Source: `interpolate_bilinear_2d_like_tensorflow1x` of torch-fidelity 0.3.0.
enum TensorFlowResize {
    /// One image `[H, W, C]`, u8 or f32, as f32 `[height, width, C]`.
    static func bilinear(_ image: Tensor, height: Int, width: Int) throws -> Tensor {
        let values = try image.to(.f32).array(Float.self)
        let channels = image.shape[2]
        let rows = positions(image.shape[0], height)
        let columns = positions(image.shape[1], width)
        let stride = image.shape[1] * channels
        var target = [Float](repeating: 0, count: height * width * channels)
        for (y, row) in rows.enumerated() {
            for (x, column) in columns.enumerated() {
                for channel in 0..<channels {
                    let first = row.low * stride + channel
                    let second = row.high * stride + channel
                    let left = column.low * channels
                    let right = column.high * channels
                    let top = values[first + left] + (values[first + right] - values[first + left]) * column.part
                    let bottom = values[second + left] + (values[second + right] - values[second + left]) * column.part
                    target[(y * width + x) * channels + channel] = top + (bottom - top) * row.part
                }
            }
        }
        return try Tensor(target, shape: [height, width, channels])
    }

    private static func positions(_ source: Int, _ target: Int) -> [(low: Int, high: Int, part: Float)] {
        let scale = Float(source) / Float(target)
        return (0..<target).map { index in
            let position = Float(index) * scale
            let low = min(source - 1, Int(position))
            return (low, min(low + 1, source - 1), position - Float(low))
        }
    }
}
