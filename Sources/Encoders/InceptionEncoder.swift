import Checkpoints
import Foundation
import Imaging
import NeuralNet
import Tensors

/// `inception-v3`: torch-fidelity's InceptionV3, 2048 features of an image squeezed to 299 × 299.
public final class InceptionEncoder: Encoder {
    /// The weights' usual file name; torch hub keeps it in its checkpoints folder.
    public static let weightsFile = "weights-inception-2015-12-05-6726825d.pth"
    /// Where torch-fidelity publishes it.
    public static let weightsURL =
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/\(weightsFile)"

    /// `inception-v3`.
    public let name = "inception-v3"
    /// 2048.
    public let dimension = 2048
    /// The pooled features; the last layer without its bias (for the Inception Score), and with it.
    public let outputs = ["2048", "logits_unbiased", "logits"]
    /// What features of this encoder came from.
    public let identity: EncoderIdentity
    /// The compute dtype.
    public var dtype: DType { pool.dtype }
    private let network: InceptionV3Network
    private let pool: ContextPool
    /// Parameters are views of its files until a layer packs them.
    private let checkpoint: Checkpoint
    private let side = 299
    /// The most images that one thread takes through the network's later layers together.
    private static let groupSize = 4

    /// Loads the weights, strictly.
    /// - Throws: `CheckpointError` and `FileError` where the file is absent, damaged or of another network.
    public init(weights: String, dtype: DType) throws {
        let path = try EncoderRegistry.locate(weights, file: nil, hint: "curl -LO \(Self.weightsURL)")
        checkpoint = try Checkpoint.open(path)
        network = try InceptionV3Network()
        try network.parameters.load(checkpoint) { $0.hasSuffix(".num_batches_tracked") }
        pool = try ContextPool(dtype: dtype)
        let text = "RGB; 299x299 bilinear (Pillow, antialiased); (x-128)/128"
        identity = EncoderIdentity(
            name: "inception-v3", files: try checkpoint.sha256().map { ($0.file, $0.hash) },
            preprocessing: [.chexgenbench: text, .exact: text], dtype: dtype)
    }

    /// The image as RGB, squeezed to 299 × 299 by Pillow's bilinear filter; the same under both protocols.
    public func preprocess(_ image: Image, protocol: EncoderProtocol) throws -> Tensor {
        try image.converted(to: .rgb).resized(width: side, height: side, filter: .bilinear).tensor()
    }

    /// Features of images u8 `[N, H, W, 3]`; other sizes than 299 are resized as TensorFlow 1 does.
    /// - Throws: `TensorError` for other images or outputs; `FileError` where the weight file was changed in use.
    public func embed(_ batch: Tensor, outputs: [String]) throws -> [Tensor] {
        guard batch.dtype == .u8 else {
            throw TensorError.dtype(operation: name, message: "wanted u8 images [N, H, W, 3], got \(batch.dtype)")
        }
        return try run(batch, try outputs.map { try checkedOutput($0) })
    }

    /// The 2048 features of images `[N, H, W, 3]`, u8 or f32 in 0 … 255.
    public func forward(_ x: Tensor) throws -> Tensor { try run(x, ["2048"])[0] }

    /// As `forward`, with the output by name.
    public func forward(_ x: Tensor, output: String) throws -> Tensor { try run(x, [try checkedOutput(output)])[0] }

    private func run(_ images: Tensor, _ outputs: [String]) throws -> [Tensor] {
        guard images.rank == 4, images.shape[3] == 3, images.shape[1] > 0, images.shape[2] > 0 else {
            throw TensorError.shape(
                operation: name, message: "wanted images [N, H, W, 3], got \(Tensor.text(images.shape))")
        }
        guard images.dtype == .u8 || images.dtype == .f32 else {
            throw TensorError.dtype(operation: name, message: "wanted u8 or f32 in 0 … 255, got \(images.dtype)")
        }
        let batch = try images.contiguous()
        let results = try outputs.map { try Tensor(uninitialized: [batch.shape[0], $0 == "2048" ? 2048 : 1008]) }
        let bias = outputs.contains("logits") ? try network.logitBias() : []
        let groups = EncoderInput.groups(batch.shape[0], most: Self.groupSize)
        try pool.forEach(groups.count) { [self] index, context in
            let group = groups[index]
            let features = try network.features(group.count, context) {
                try input(EncoderInput.one(batch, group.lowerBound + $0), context)
            }
            for (output, result) in zip(outputs, results) {
                let rows = output == "2048" ? features : try network.logitsUnbiased(features, context)
                EncoderInput.put(rows, group.lowerBound, result)
                guard output == "logits" else { continue }
                let target = result.pointer.assumingMemoryBound(to: Float.self)
                for row in group {
                    for (column, value) in bias.enumerated() { target[row * bias.count + column] += value }
                }
            }
        }
        try checkpoint.checkUnchanged()
        return results
    }

    /// An image as the network wants it: 299 × 299, (x - 128) / 128.
    private func input(_ image: Tensor, _ context: Context) throws -> Tensor {
        if image.dtype == .u8 && image.shape[1] == side && image.shape[2] == side {
            return try context.pixels(image, scale: 1 / 128, shift: -1)
        }
        let resized = try TensorFlowResize.bilinear(image, height: side, width: side, context)
        let values = resized.pointer.assumingMemoryBound(to: Float.self)
        for index in 0..<resized.count { values[index] = (values[index] - 128) / 128 }
        return try context.converted(resized, context.dtype)
    }
}

/// The bilinear resize of TensorFlow 1: no half-pixel centres, no antialiasing, neighbours clamped at the border.
/// Source: `interpolate_bilinear_2d_like_tensorflow1x` of torch-fidelity 0.3.0.
enum TensorFlowResize {
    /// One image `[1, H, W, C]`, u8 or f32, as f32 `[1, height, width, C]`.
    static func bilinear(_ image: Tensor, height: Int, width: Int, _ context: Context) throws -> Tensor {
        let source = try context.tensor(image.shape, .f32)
        let values = source.pointer.assumingMemoryBound(to: Float.self)
        if image.dtype == .u8 {
            try image.withElements(UInt8.self) { for (index, byte) in $0.enumerated() { values[index] = Float(byte) } }
        } else {
            try image.withElements(Float.self) { for (index, value) in $0.enumerated() { values[index] = value } }
        }
        let channels = image.shape[3]
        let result = try context.tensor([1, height, width, channels], .f32)
        let target = result.pointer.assumingMemoryBound(to: Float.self)
        let rows = positions(image.shape[1], height)
        let columns = positions(image.shape[2], width)
        let stride = image.shape[2] * channels
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
        return result
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
